-- scripts/http/rest.lua: the routes that every entity has.

local actions = require "actions"
local context = require "context"
local decisions = require "decisions"
local json = require "core.json"
local meters = require "access.meters"
local passwords = require "people.passwords"
local i18n = require "i18n"
local policies = require "access.policies"
local problem = require "problem"
local projections = require "entities.projections"
local query = require "entities.query"
local records = require "entities.records"
local request = require "http.request"
local rules = require "rules"
local id = require "core.id"

local rest = {}

local list_options = { sort = true, limit = true, cursor = true, fields = true, expand = true }
local summary_options = { by = true, sum = true, count = true }
local one_options = { fields = true, expand = true }
local no_question = {}

local function answer(status, data, headers)
  headers = headers or {}
  headers["content-type"] = "application/json"
  return { status = status, headers = headers, body = json.encode(data) }
end
rest.answer = answer

-- The answer that shows one record: an object that is JSON already.
local function answer_object(status, object, version, location)
  return {
    status = status, body = '{"data":' .. object .. "}",
    headers = { ["content-type"] = "application/json", etag = '"' .. version .. '"', location = location },
  }
end

-- The record as it stands after the rules, as far as the caller may see it. Who made a record that then went to
-- somebody else gets its id; so does who has seen as many as may be.
local function answer_record(entity, inner, status, question)
  local object, version = projections.get(inner, query.projection(entity, question))
  local location = status == 201 and "/api/v1/" .. entity.name .. "/" .. id.seal(inner) or nil
  return object and meters.may_show() and answer_object(status, object, version, location)
    or answer(status, { data = { id = id.seal(inner) } }, { location = location })
end

local function need(entity, action)
  if not policies.any(entity, action, context.current().actor) then
    records.forbidden()
  end
end

local function find(entity, sealed)
  need(entity, "read")
  local record, visible, inner = records.get(entity, sealed)
  if not record then
    records.not_found()
  end
  return record, visible, inner
end

local function list(entity)
  return { method = "GET", pattern = "", reads = true, run = function(req)
    local objects, next_cursor = query.list(entity, request.question(req.query, list_options))
    return {
      status = 200, headers = { ["content-type"] = "application/json" },
      body = ('{"data":[%s],"next":%s}'):format(objects, next_cursor and '"' .. next_cursor .. '"' or "null"),
    }
  end }
end

local function summary(entity)
  return { method = "GET", pattern = "/summary", reads = true, run = function(req)
    local question = request.question(req.query, summary_options)
    return answer(200, { data = query.summary(entity, question) })
  end }
end

local function get(entity)
  return { method = "GET", pattern = "/{id}", reads = true, run = function(req, arguments)
    need(entity, "read")
    meters.check(policies.only_metered(entity, context.current().actor))
    local made = query.projection(entity, rest.question_of_one(req))
    local inner = id.open(arguments[1])
    local object, version = nil, nil
    if inner then
      object, version = projections.get(inner, made)
    end
    if not object then
      records.not_found()
    end
    return answer_object(200, object, version)
  end }
end

--- The options `fields` and `expand`; anything else is refused.
function rest.question_of_one(req)
  if req.query == "" then
    return no_question
  end
  local question = request.question(req.query, one_options)
  if question.conditions[1] then
    query.refuse_unknown(question.conditions[1])
  end
  return question
end

local function create(entity)
  return { method = "POST", pattern = "", prepare = passwords.prepare(entity), run = function(req, _, prepared)
    local question = rest.question_of_one(req)
    local _, inner = records.create(entity, passwords.merge(request.body(req), prepared))
    rules.settle()
    return answer_record(entity, inner, 201, question)
  end }
end

-- If-Match (RFC 9110 section 13.1.1): the change is for a version that the caller has seen, or for none. The core marks
-- the ETag of an answer that it packs (core/net/http_coding.h): the version is the same.
local function check_version(req, entity, sealed)
  local wanted = req.headers["if-match"]
  if not wanted or wanted == "*" then
    return
  end
  local record = find(entity, sealed)
  for tag in wanted:gmatch('[^,%s]+') do
    if tag:gsub('%-gzip"$', '"') == ('"%d"'):format(record.version) then
      return
    end
  end
  error(problem.new(412, "version", { detail = i18n.text("detail.version", { version = record.version }) }), 0)
end

local function update(entity)
  return { method = "PATCH", pattern = "/{id}", prepare = passwords.prepare(entity), run = function(req, arguments, prepared)
    local question = rest.question_of_one(req)
    check_version(req, entity, arguments[1])
    local _, inner = records.update(entity, arguments[1], passwords.merge(request.body(req), prepared))
    rules.settle()
    return answer_record(entity, inner, 200, question)
  end }
end

local function archive(entity)
  return { method = "DELETE", pattern = "/{id}", run = function(req, arguments)
    local question = rest.question_of_one(req)
    check_version(req, entity, arguments[1])
    local _, inner = records.archive(entity, arguments[1])
    rules.settle()
    return answer_record(entity, inner, 200, question)
  end }
end

local function decisions_of(entity)
  return { method = "GET", pattern = "/{id}/decisions", reads = true, run = function(req, arguments)
    request.no_question(req)
    local record, _, inner = find(entity, arguments[1])
    local whole = records.load(entity, id.open(record.id))
    if not policies.allows(entity, "decisions", context.current().actor, whole) then
      records.forbidden()
    end
    return answer(200, { data = decisions.of_record(entity, whole, inner, context.current().language) })
  end }
end

--- The routes of an entity, without those of its moves and actions.
function rest.collection(entity)
  return { list(entity), create(entity), summary(entity), get(entity), update(entity), archive(entity), decisions_of(entity) }
end

--- The route of a move or an action.
function rest.act(entity, name)
  local action = actions.get(entity, name)
  local plugin = action and action.plugin.name
  return { method = "POST", action = name, plugin = plugin, run = function(req, arguments)
    local question = rest.question_of_one(req)
    local body = request.body(req, true)
    check_version(req, entity, arguments[1])
    if entity.lifecycle and entity.lifecycle.moves[name] then
      local _, inner = records.move(entity, arguments[1], name, body)
      rules.settle()
      return answer_record(entity, inner, 200, question)
    end
    local record, _, inner = find(entity, arguments[1])
    local whole = records.load(entity, inner)
    if not policies.allows(entity, name, context.current().actor, whole) then
      records.forbidden()
    end
    local result = action.run(record, body)
    rules.settle()
    if result == nil or (type(result) == "table" and rawget(result, "id") == record.id) then
      return answer_record(entity, inner, 200, question)
    end
    return answer(200, { data = result })
  end }
end

return rest
