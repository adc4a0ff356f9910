-- scripts/http/request.lua: reads the parts of a request: path, query, cookies, body. Bad input raises a problem.

local i18n = require "i18n"
local json = require "core.json"
local problem = require "problem"
local text = require "core.text"

local request = {}

local function refuse(name, code, values)
  problem.raise(400, { problem.fault(name, code, values) })
end

--- Decodes percent-encoding (RFC 3986 section 2.1) into UTF-8 without NUL; in a query "+" is a blank.
---@return string|nil
local function unescape(raw, plus_is_blank)
  if plus_is_blank then
    raw = raw:gsub("%+", " ")
  end
  local left = raw:gsub("%%%x%x", "")
  if left:find("%%") then
    return nil
  end
  local plain = raw:gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end)
  return text.valid(plain) and plain or nil
end

--- The segments of a path, decoded; nil when its encoding is broken.
---@return string[]|nil
function request.segments(path)
  local segments = {}
  for raw in path:gmatch("/([^/]*)") do
    local plain = unescape(raw)
    if not plain then
      return nil
    end
    segments[#segments + 1] = plain
  end
  return segments
end

--- The parameters of a query, in order: { { name, value } … }.
function request.parameters(query)
  local list = {}
  for part in query:gmatch("[^&]+") do
    local raw_name, raw_value = part:match("^([^=]*)=?(.*)$")
    local name, value = unescape(raw_name, true), unescape(raw_value, true)
    if not name or not value then
      refuse(text.valid(raw_name) and raw_name or nil, "query.encoding")
    end
    list[#list + 1] = { name, value }
  end
  if #list > 50 then
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

--- The value of a cookie (RFC 6265 section 4.2), or nil.
function request.cookie(req, name)
  for pair in (req.headers.cookie or ""):gmatch("[^;]+") do
    local key, value = pair:match("^%s*([^=%s]+)%s*=%s*(.-)%s*$")
    if key == name then
      return value
    end
  end
  return nil
end

--- The JSON object in the body.
function request.body(req, allow_empty)
  local kind = (req.headers["content-type"] or ""):lower():match("^[^;]*"):match("^(.-)%s*$")
  if kind ~= "" and kind ~= "application/json" and not kind:find("^application/[%w%.%+%-]+%+json$") then
    error(problem.new(415, "media_type", { detail = i18n.text "detail.media_type" }), 0)
  end
  if allow_empty and req.body == "" then
    return {}
  end
  local value, fault = json.decode(req.body)
  if fault then
    refuse(nil, "json." .. fault.code, fault)
  elseif type(value) ~= "table" or getmetatable(value) == json.array_mt then
    refuse(nil, "json.object")
  end
  return value
end

return request
