-- tests/fuzz/main.lua: the framework's main.lua for fuzz targets (see place.h): it fills the store, and answers questions
-- as one of three people.

local served = require "served"
local actor = require "people.actor"
local context = require "context"
local hash = require "core.hash"
local http = require "http"
local json = require "core.json"
local records = require "entities.records"
local registry = require "entities.registry"

local people

local function create(entity, input)
  local record = records.create(registry.get(entity), input)
  return record.id
end

local function fill()
  context.start(context.system, { kind = "test", id = "fuzz" })
  local unit = create("unit", { code = "hq", name = "Headquarters", kind = "headquarters" })
  for _, role in ipairs { "administrator", "manager", "agent" } do
    local role_id = create("role", { code = role, name = role, assignable = true })
    local user = create("user", { login = role, name = role, unit = unit })
    create("position", { code = role, name = role, unit = unit, role = role_id, holder = user })
  end
  for i = 1, 20 do
    create("lead", {
      name = "Lead " .. i, company = i % 3 == 0 and json.null or "公司 " .. i, score = i * 5, region = i % 2 == 0 and "east"
        or "west", unit = unit,
    })
  end
  return ""
end

-- What a cursor is opened as: the body of the request, when it has one.
local open, plain = hash.open, nil
hash.open = function(text, scope) -- luacheck: ignore 122
  return plain or open(text, scope)
end

local function find_people()
  local found = {}
  for i, login in ipairs { "administrator", "manager", "agent" } do
    found[i] = actor.by_login(login) or error("no user " .. login)
  end
  return found
end

return {
  write = served.write, command = served.command,
  bulk = function(name, payload)
    if name == "fuzz.fill" then
      return fill()
    end
    return served.bulk(name, payload)
  end,
  handle = function(req)
    context.start(context.system, { kind = "test", id = "fuzz" })
    people = people or find_people()
    local who, path = req.path:match "^/([123])(/.*)$"
    plain = req.body ~= "" and req.body or nil
    return http.respond({
      id = req.id, method = "GET", path = path, query = req.query, host = "localhost", headers = {}, body = "",
      client = "127.0.0.1",
    }, people[tonumber(who)])
  end,
}
