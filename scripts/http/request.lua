-- scripts/http/request.lua: reads the parts of a request: path, query, cookies, body. Bad input raises a problem.

local http = require "core.http"
local i18n = require "i18n"
local json = require "core.json"
local problem = require "problem"
local text = require "core.text"

local request = {}

local function refuse(name, code, values)
  problem.raise(400, { problem.fault(name, code, values) })
end

--- The segments of a path, decoded (RFC 3986 section 2.1); nil when its encoding is broken.
---@type fun(path: string): string[]|nil
request.segments = http.segments

--- The parameters of a query, in order: { { name, value } … }.
function request.parameters(query)
  local list, name = http.parameters(query)
  if not list then
    refuse(text.valid(name) and name or nil, "query.encoding")
  elseif #list > 50 then
    refuse(nil, "query.too_many", { max = 50 })
  end
  return list
end

--- A list's or summary's question from its parameters: options by name, and conditions.
---@param query string
---@param options table set of option names
function request.question(query, options)
  local question, seen = { conditions = {} }, {}
  for _, parameter in ipairs(request.parameters(query)) do
    local name, value = parameter[1], parameter[2]
    if seen[name] then
      refuse(name, "query.twice", { name = name })
    end
    seen[name] = true
    if options[name] then
      question[name] = value
    else
      local field, operator = name:match("^([^.]+)%.(.+)$")
      if operator == "eq" then
        field, operator = nil, nil -- equality is spelt FIELD=, and only so
      end
      question.conditions[#question.conditions + 1] = { field = field or name, operator = operator or "eq", text = value }
    end
  end
  return question
end

--- Refuses any parameter, for routes that take none.
function request.no_question(req)
  local parameter = req.query ~= "" and request.parameters(req.query)[1]
  if parameter then
    refuse(parameter[1], "query.none", { name = parameter[1] })
  end
end

--- The value of a cookie, or nil.
function request.cookie(req, name)
  local header = req.headers.cookie
  return header and http.cookie(header, name)
end

local function is_json(header)
  local kind = header:lower():match("^[^;]*"):match("^(.-)%s*$")
  return kind == "" or kind == "application/json" or kind:find("^application/[%w%.%+%-]+%+json$") ~= nil
end

--- The JSON object in the body.
function request.body(req, allow_empty)
  local kind = req.headers["content-type"]
  if kind and kind ~= "application/json" and not is_json(kind) then
    error(problem.new(415, "media_type", { detail = i18n.text "detail.media_type" }), 0)
  end
  local body = req.body
  if allow_empty and body == "" then
    return {}
  end
  local value, fault = json.decode(body)
  if fault then
    refuse(nil, "json." .. fault.code, fault)
  elseif type(value) ~= "table" or getmetatable(value) == json.array_mt then
    refuse(nil, "json.object")
  end
  return value
end

return request
