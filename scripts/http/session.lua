-- scripts/http/session.lua: signing in and out over HTTP, and who am I.

local clock = require "core.clock"
local context = require "context"
local id = require "core.id"
local json = require "core.json"
local problem = require "problem"
local records = require "entities.records"
local registry = require "entities.registry"
local request = require "http.request"
local sessions = require "people.sessions"

local function answer(status, data, headers)
  headers = headers or {}
  headers["content-type"] = "application/json"
  return { status = status, headers = headers, body = json.encode(data) }
end

local function cookie(value, seconds)
  return ("%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d"):format(sessions.cookie, value, seconds)
end

local function sign_in_prepare(body)
  local faults = {}
  for _, name in ipairs { "login", "password" } do
    if type(body[name]) ~= "string" or body[name] == "" then
      faults[#faults + 1] = problem.fault(name, body[name] == nil and "field.required" or "field.text")
    end
  end
  for name in pairs(body) do
    if name ~= "login" and name ~= "password" then
      faults[#faults + 1] = problem.fault(name, "field.unknown", { entity = "session", field = name, known = "login, password" })
    end
  end
  if #faults > 0 then
    problem.raise(422, faults)
  end
  return tostring(sessions.verify(body.login:lower(), body.password:sub(1, 1000)))
end

local function sign_in(_, _, prepared)
  local secret, expires_at = sessions.start(math.tointeger(tonumber(prepared)))
  return answer(201, { data = { expires_at = clock.format(expires_at) } }, {
    ["set-cookie"] = cookie(secret, sessions.lasts_ms // 1000), location = "/api/v1/session", ["cache-control"] = "no-store",
  })
end

local function sign_out(req)
  local secret = request.cookie(req, sessions.cookie)
  if secret then
    sessions.finish(secret)
  end
  return { status = 204, headers = { ["set-cookie"] = cookie("", 0) }, body = "" }
end

local function who_am_i()
  local actor = context.current().actor
  local roles = json.array {}
  for role in pairs(actor.roles) do
    roles[#roles + 1] = role
  end
  table.sort(roles)
  local home = actor.units[1] or actor.home_unit
  local unit = home and records.load(registry.get "unit", home)
  local positions = json.array {}
  for i, position in ipairs(actor.positions) do
    positions[i] = id.seal(position)
  end
  return answer(200, { data = {
    user = { id = id.seal(actor.user), login = actor.login, name = actor.name }, roles = roles, positions = positions,
    unit = unit and { id = unit.id, code = unit.code, name = unit.name } or json.null,
  } })
end

return {
  { method = "POST", pattern = "/api/v1/session", open = true, prepare = sign_in_prepare, run = sign_in },
  { method = "GET", pattern = "/api/v1/session", reads = true, run = who_am_i },
  { method = "DELETE", pattern = "/api/v1/session", run = sign_out },
}
