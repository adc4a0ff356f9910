-- scripts/http.lua: the way of a request through the framework.
--
-- `handle` runs on a worker: it finds the route and the actor; a read is answered there and then, a change is prepared and
-- sent to the home lane, where `write` runs it in its unit of work. Whatever is raised on the way becomes a problem
-- document; what was no problem but an error of the code is logged and answered 500 without telling more.

local actor = require "people.actor"
local context = require "context"
local i18n = require "i18n"
local json = require "core.json"
local log = require "core.log"
local meters = require "access.meters"
local metrics = require "core.metrics"
local problem = require "problem"
local raised = require "raised"
local request = require "http.request"
local routes = require "http.routes"
local sessions = require "people.sessions"
local task = require "core.task"

local http = {}

local function problem_answer(req, fault, ctx)
  local headers = fault.headers or {}
  headers["content-type"] = "application/problem+json"
  headers["content-language"] = ctx.language
  return {
    status = fault.status, headers = headers, body = json.encode(problem.render(fault, ctx.language, req.id, ctx.actor)),
  }
end

-- What a store's refusal means for the caller. Lost groups never come here: the lane runs the unit again.
local function store_problem(fault)
  if fault.code == "full" or fault.code == "io" or fault.code == "busy" then
    return problem.new(503, "busy", { headers = { ["retry-after"] = "5" } })
  end
  return nil
end

--- Turns whatever was raised into an answer.
function http.answer_fault(req, fault, ctx)
  if problem.is(fault) then
    return problem_answer(req, fault, ctx)
  end
  local known = type(fault) == "table" and (fault.store and store_problem(fault)
    or fault.busy and problem.new(503, "busy", { headers = { ["retry-after"] = "1" } }))
  if known then
    return problem_answer(req, known, ctx)
  end
  log.log("error", "script", { request = req.id, text = tostring(fault) })
  return problem_answer(req, problem.new(500, "failed", { detail = i18n.text("detail.reference", { reference = req.id }) }), ctx)
end

-- Errors of the code keep the place where they were raised; problems and store errors are tables and stay as they are.
local function with_traceback(fault)
  if problem.is(fault) or type(fault) == "table" and (fault.store or fault.busy) then
    return fault
  end
  return debug.traceback(raised.words(fault), 2)
end

-- A page of another site must not make this browser change something here (Fetch Metadata; DESIGN: no token to carry).
local function check_same_site(req)
  local site = req.headers["sec-fetch-site"]
  if site == "same-origin" or site == "none" then
    return
  end
  local origin = req.headers.origin
  if site == nil and (origin == nil or origin == "http://" .. req.host) then
    return
  end
  error(problem.new(403, "cross_site"), 0)
end

-- Who asks: by bearer token or by session cookie. What is no part of the API is nobody's in particular, whatever cookie
-- the browser may still have.
local function find_actor(req, changes, is_api)
  local authorization = req.headers.authorization
  if authorization then
    local token = authorization:match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(%S+)$")
    local found = token and actor.by_secret("token", token)
    return found or error(problem.new(401, "bad_token", { headers = { ["www-authenticate"] = 'Bearer error="invalid_token"' } }), 0)
  end
  local secret = request.cookie(req, sessions.cookie)
  if not secret then
    return nil
  end
  local found = actor.by_secret("session", secret)
  context.current().session = secret
  if not found and is_api then
    error(problem.new(401, "bad_token"), 0)
  elseif found and changes then
    check_same_site(req)
  end
  return found
end

local function find_route(req)
  local segments = request.segments(req.path)
  local route, arguments, methods
  if segments then
    route, arguments, methods = routes.find(req.method, segments)
  end
  return route, arguments, methods, segments and segments[1] == "api"
end

-- Whoever is not signed in learns nothing about what is there below /api.
local function enter(req, ctx, given_actor)
  local route, arguments, methods, is_api = find_route(req)
  local changes = not (route and route.reads)
  local shut
  if route then
    route.number = route.number or metrics.route(route.key)
    shut = task.enter(route.key, route.number, route.reads, route.plugin)
  end
  if not (route and route.open) then
    ctx.actor = given_actor or find_actor(req, changes, is_api)
    if not ctx.actor and is_api then
      error(problem.new(401, "unauthorized", { headers = { ["www-authenticate"] = "Bearer" } }), 0)
    end
  elseif changes then
    check_same_site(req)
  end
  if shut then -- the route's code broke its budget again and again
    error(problem.new(503, "busy", { headers = { ["retry-after"] = tostring(shut) } }), 0)
  elseif route then
    return route, arguments
  elseif methods then
    local allowed = routes.names(methods)
    error(problem.new(405, "method", { headers = { allow = allowed }, detail = i18n.text("detail.methods", { methods = allowed }) }), 0)
  end
  error(problem.new(404, "not_found"), 0)
end

local function start(req)
  return context.start(nil, { kind = "request", id = req.id }, i18n.choose(req.headers["accept-language"]))
end

-- What was shown is counted when nothing can make the request begin again.
local function counted(result)
  meters.settle()
  return result
end

-- What is no JSON is refused before the lane has work with it.
local function prepare(req, route)
  if route.prepare then
    return route.prepare(request.body(req), req)
  elseif route.method ~= "DELETE" and req.body ~= "" then
    request.body(req)
  end
  return nil
end

local function handle(req, ctx)
  local route, arguments = enter(req, ctx)
  if route.reads or route.here then
    return counted(route.run(req, arguments))
  end
  return { lane = true, prepared = prepare(req, route) }
end

local function write(req, ctx, prepared, given_actor)
  local route, arguments = enter(req, ctx, given_actor)
  return counted(route.run(req, arguments, prepared))
end

-- What is answered is for the one who asked, as things stand now (RFC 9111 section 5.2.2.5); pages say otherwise.
local function answer(req, ctx, ok, result)
  result = ok and result or http.answer_fault(req, result, ctx)
  local headers = result.headers
  if headers and not headers["cache-control"] then
    headers["cache-control"], headers["x-content-type-options"] = "no-store", "nosniff"
  end
  return result
end

--- On a worker: the answer of a read, or `{ lane = true, prepared = … }`.
---@param req userdata see core/script/http_table.c
function http.handle(req)
  local ctx = start(req)
  return answer(req, ctx, xpcall(handle, with_traceback, req, ctx))
end

--- In the home lane: the answer of a change. A status from 400 up undoes the unit.
function http.write(req, prepared)
  local ctx = start(req)
  return answer(req, ctx, xpcall(write, with_traceback, req, ctx, prepared))
end

local function respond(req, ctx, given_actor)
  local route, arguments = enter(req, ctx, given_actor)
  return counted(route.run(req, arguments, not route.reads and prepare(req, route) or nil))
end

--- Both halves at once as a given actor, for tests: everything but the session.
function http.respond(req, given_actor)
  local ctx = start(req)
  return answer(req, ctx, xpcall(respond, with_traceback, req, ctx, given_actor))
end

return http
