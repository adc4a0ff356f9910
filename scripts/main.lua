-- scripts/main.lua: loads the framework, the plugins and the client packs of a generation, and gives the server its
-- four ways in: handle (a worker's request), write (the home lane's half), bulk (bulk work in the lane), command.

require "people.entities"
local actions = require "actions"
local api = require "api"
local context = require "context"
local decisions = require "decisions"
local generation = require "core.generation"
local http = require "http"
local i18n = require "i18n"
local imports = require "imports"
local json = require "core.json"
local kept = require "kept"
local log = require "core.log"
local meters = require "access.meters"
local people_sql = require "sql.people"
local permissions = require "permissions"
local plugins = require "plugins"
local policies = require "access.policies"
local registry = require "entities.registry"
local routes = require "http.routes"
local rules = require "rules"
local schema = require "entities.schema"
local seeds = require "seeds"
local sign_in_links = require "people.sign_in_links"
local store = require "core.store"
local task = require "core.task"
local tokens = require "people.tokens"
local testing = require "testing"

plugins.load()
registry.finish()
decisions.finish()
rules.finish()
actions.finish()
policies.finish(actions.exists, actions.names)
routes.finish()
kept.finish(generation.passed)
api.close()

-- Roles are records, so that a grant may name one that is yet to come: a warning, once there are roles at all.
local function warn_of_unknown_roles()
  local roles = {}
  for _, row in ipairs(seeds.all_in() and store.query(people_sql.roles) or {}) do
    roles[row[1]] = true
  end
  for _, grant in ipairs(next(roles) and policies.of_unknown_roles(roles) or {}) do
    log.log("warn", "access", { declared = tostring(grant.declared), text = ("no role %s exists yet"):format(grant.role) })
  end
end

local bulk = {
  ["schema.apply"] = function()
    local steps = schema.apply()
    warn_of_unknown_roles()
    return tostring(steps)
  end,
  ["import.slice"] = imports.slice,
  ["meter.write"] = meters.write,
  ["seed.done"] = seeds.done,
  ["sign_in_link.first"] = sign_in_links.add_first,
  ["test.file"] = testing.file,
  ["token.add"] = tokens.add,
}

local commands = {}

--- Imports a file: `{ mapping, file, rejects, json, language }`. The answer is how many rows were
--- refused, and from the second line on what is to be printed.
function commands.import(arguments, emit)
  local language = arguments.language
  local function progress(rows)
    emit(i18n.say(i18n.text("import.progress", { rows = rows }), language))
  end
  local mapping, file, rejects = arguments.mapping, arguments.file, arguments.rejects
  local report = imports.run(mapping, file, rejects, language, progress)
  local shown = arguments.json and json.encode(report) or imports.words(report, language)
  return ("%d\n%s"):format(report.refused, shown)
end

--- The last step of a start: `{ root, rejects, address, language }`. Brings in the seeds of
--- the client packs and, where nobody could sign in otherwise, tells a link for the first administrator.
--- `address` is empty when nothing is served.
function commands.start(arguments, emit)
  local reports = seeds.run(arguments.root, arguments.rejects, arguments.language, emit)
  if #reports > 0 and arguments.address ~= "" then
    warn_of_unknown_roles()
  end
  if arguments.address ~= "" and sign_in_links.nobody_can_sign_in() then
    emit(i18n.say(i18n.text "start.first_link", arguments.language) .. "\n  "
      .. sign_in_links.first(arguments.address, task.lane))
  end
  return tostring(#reports)
end

-- What the plugins ask for, in words: a text for each that asks for something.
local function asked_permissions(language)
  local list = json.array {}
  for _, plugin in ipairs(plugins.list) do
    local words = permissions.words(plugin, language)
    if #words > 0 then
      local head = i18n.text("permission.asks", { path = plugin.path, name = plugin.name })
      list[#list + 1] = i18n.say(head, language) .. "\n  " .. table.concat(words, "\n  ")
    end
  end
  return list
end

--- What there is: routes, what plugins ask for, whether a pack brings logins with a known password (or, with `data = true`, has brought them to
--- the store before), and what is said at the start: `{ language, data }`.
function commands.describe(arguments)
  local list, demo_logins, welcome = json.array {}, arguments.data and seeds.has_demo_logins() or false, nil
  for i, route in ipairs(routes.list) do
    list[i] = { method = route.method, pattern = route.pattern, reads = route.reads or false, open = route.open or false }
  end
  for _, plugin in ipairs(plugins.list) do
    demo_logins = demo_logins or plugin.demo_logins or false
    welcome = plugin.welcome and i18n.say(plugin.welcome, arguments.language) or welcome
  end
  local serves = i18n.say(i18n.text "start.serves", arguments.language)
  return json.encode {
    routes = list, demo_logins = demo_logins, serves = serves, welcome = welcome,
    permissions = asked_permissions(arguments.language),
  }
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
