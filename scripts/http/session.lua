-- scripts/http/session.lua: signing in and out over HTTP, and who am I.

local clock = require "core.clock"
local context = require "context"
local id = require "core.id"
local json = require "core.json"
local maps = require "maps"
local problem = require "problem"
local records = require "entities.records"
local registry = require "entities.registry"
local request = require "http.request"
local sessions = require "people.sessions"
local sign_in_links = require "people.sign_in_links"

local function answer(status, data, headers)
  headers = headers or {}
  headers["content-type"] = "application/json"
  return { status = status, headers = headers, body = json.encode(data) }
end

local function cookie(value, seconds)
  return ("%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d"):format(sessions.cookie, value, seconds)
end

-- Exactly these names, each a text.
local function check_texts(body, names)
  local faults = {}
  for _, name in ipairs(names) do
    if type(body[name]) ~= "string" or body[name] == "" then
      faults[#faults + 1] = problem.fault(name, body[name] == nil and "field.required" or "field.text")
    end
    names[name] = true
  end
  local unknown = {}
  for name in maps.sorted(body) do
    unknown[#unknown + 1] = not names[name] and name or nil
  end
  problem.unknown_names(faults, "session", unknown, table.concat(names, ", "))
  if #faults > 0 then
    problem.raise(422, faults)
  end
end

-- With login and password, which are verified here; or with the secret of a link, which is taken in the lane.
local function sign_in_prepare(body, req)
  if body.link ~= nil then
    check_texts(body, { "link" })
    return json.encode { link = body.link }
  end
  check_texts(body, { "login", "password" })
  return json.encode { user = id.seal(sessions.verify(body.login:lower(), body.password:sub(1, 1000), req.client)) }
end

local function sign_in(req, _, prepared)
  request.no_question(req)
  local who = json.decode(prepared)
  local secret, expires_at = sessions.start(who.link and sign_in_links.take(who.link) or id.open(who.user))
  return answer(201, { data = { expires_at = clock.format(expires_at) } }, {
    ["set-cookie"] = cookie(secret, sessions.lasts_ms // 1000), location = "/api/v1/session", ["cache-control"] = "no-store",
  })
end

local function sign_out(req)
  request.no_question(req)
  local secret = request.cookie(req, sessions.cookie)
  if secret then
    sessions.finish(secret)
  end
  return { status = 204, headers = { ["set-cookie"] = cookie("", 0) }, body = "" }
end

local function who_am_i(req)
  request.no_question(req)
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
