-- scripts/main.lua: loads the framework, the plugins and the client packs of a generation, and gives the server its
-- four ways in: handle (a worker's request), write (the home lane's half), bulk (bulk work in the lane), command.

require "people.entities"
local actions = require "actions"
local api = require "api"
local context = require "context"
local decisions = require "decisions"
local http = require "http"
local i18n = require "i18n"
local imports = require "imports"
local json = require "core.json"
local plugins = require "plugins"
local policies = require "access.policies"
local registry = require "entities.registry"
local routes = require "http.routes"
local rules = require "rules"
local schema = require "entities.schema"
local seeds = require "seeds"
local sign_in_links = require "people.sign_in_links"
local task = require "core.task"
local tokens = require "people.tokens"
local testing = require "testing"

plugins.load()
registry.finish()
decisions.finish()
rules.finish()
actions.finish()
policies.finish(actions.exists)
routes.finish()
api.close()

local bulk = {
  ["schema.apply"] = function()
    return tostring(schema.apply())
  end,
  ["import.slice"] = imports.slice,
  ["seed.done"] = seeds.done,
  ["sign_in_link.first"] = sign_in_links.add_first,
  ["test.file"] = testing.file,
  ["token.add"] = tokens.add,
}

local commands = {}

--- Imports a file: `{ mapping, file, rejects, json, language }`.
function commands.import(arguments, emit)
  local report = imports.run(arguments.mapping, arguments.file, arguments.rejects, arguments.language or "en", function(rows)
    emit(("%d rows"):format(rows))
  end)
  return arguments.json and json.encode(report) or imports.words(report)
end

--- The last step of a start: `{ root, rejects, address }`. Brings in the seeds of the client packs and, where nobody
--- could sign in otherwise, tells a link for the first administrator. `address` is empty when nothing is served.
function commands.start(arguments, emit)
  local reports = seeds.run(arguments.root, arguments.rejects, emit)
  if arguments.address ~= "" and sign_in_links.nobody_can_sign_in() then
    emit("Nobody has a password yet. The first administrator signs in here, once, within 24 hours:\n  "
      .. sign_in_links.first(arguments.address, task.lane))
  end
  return tostring(#reports)
end

--- What there is: routes, whether a pack brings logins with a known password (or, with `{ data = true }`, has brought
--- them to the store before), and what it says at the start.
function commands.describe(arguments)
  local list, demo_logins, welcome = json.array {}, arguments.data and seeds.has_demo_logins() or false, nil
  for i, route in ipairs(routes.list) do
    list[i] = { method = route.method, pattern = route.pattern, reads = route.reads or false, open = route.open or false }
  end
  for _, plugin in ipairs(plugins.list) do
    demo_logins = demo_logins or plugin.demo_logins or false
    welcome = plugin.welcome and i18n.say(plugin.welcome, "en") or welcome
  end
  return json.encode { routes = list, demo_logins = demo_logins, welcome = welcome }
end

--- Makes an access token: `{ login, name }`. The answer is the token's text.
function commands.token(arguments)
  return tokens.create(arguments.login, arguments.name, task.lane)
end

--- Runs tests: `{ filter }`. The answer is "PASSED FAILED".
function commands.test(arguments, emit)
  return ("%d %d"):format(testing.run(arguments.filter, emit))
end

return {
  handle = http.handle,
  write = http.write,
  bulk = function(name, payload)
    context.start(context.system, { kind = "system", id = name })
    return bulk[name](payload)
  end,
  command = function(name, arguments, emit)
    context.start(context.system, { kind = "command", id = name })
    return commands[name](json.decode(arguments), emit)
  end,
}
