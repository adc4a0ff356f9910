-- scripts/problem.lua: what went wrong for a caller, as RFC 9457 asks.
--
-- A problem is raised with error(problem(…)) and travels up to whoever answers: the HTTP framework, the import,
-- a test. Its texts are in all languages until it is rendered for one reader.

local i18n = require "i18n"
local json = require "core.json"

local problem = {}

local Problem = { __name = "problem" }
Problem.__index = Problem

function Problem.__tostring(self)
  local words = { i18n.say(self.title, "en") }
  if self.detail then
    words[#words + 1] = i18n.say(self.detail, "en")
  end
  for _, fault in ipairs(self.errors) do
    words[#words + 1] = (fault.field and fault.field .. ": " or "") .. i18n.say(fault.message, "en")
  end
  return table.concat(words, "; ")
end

--- Makes a problem of the framework.
---@param status integer an HTTP status
---@param code string the end of a `problem.…` text
---@param more table|nil `detail` text, `errors`, `headers`; `file` and `line` of a source
---@return table
function problem.new(status, code, more)
  local self = more or {}
  self.status, self.code = status, code
  self.title = i18n.text("problem." .. code)
  self.errors = self.errors or {}
  return setmetatable(self, Problem)
end

local MAX_NAME = 100 -- a caller may send names of any length, and gets them back only so far

-- The text, cut between two characters.
local function shortened(text)
  if type(text) ~= "string" or #text <= MAX_NAME then
    return text
  end
  local last = MAX_NAME
  while last > 0 and text:byte(last + 1) >= 0x80 and text:byte(last + 1) < 0xC0 do
    last = last - 1
  end
  return text:sub(1, last) .. "…"
end

--- One fault of a field or of a query parameter.
---@param field string|nil
---@param code string a key of scripts/texts.lua; its last part becomes the fault's code
---@param values table|nil
---@return table
function problem.fault(field, code, values)
  if values and type(values.field) == "string" and #values.field > MAX_NAME then
    values.field = shortened(values.field)
  end
  if values and type(values.name) == "string" and #values.name > MAX_NAME then
    values.name = shortened(values.name)
  end
  return { field = shortened(field), code = code:match("[^.]+$"), message = i18n.text(code, values) }
end

-- So many unknown names of one body are told.
local MOST_UNKNOWN = 20

--- Adds the faults of names that an entity does not have. What it has is told once, and of many
--- names there is one fault that counts the rest.
---@param faults table[]
---@param entity string
---@param names string[]
---@param known string the names that are possible
function problem.unknown_names(faults, entity, names, known)
  table.sort(names)
  for i = 1, math.min(#names, MOST_UNKNOWN) do
    faults[#faults + 1] = problem.fault(
      names[i], i == 1 and "field.unknown" or "field.also.unknown", {
      entity = entity, field = names[i], known = known,
    })
  end
  if #names > MOST_UNKNOWN then
    faults[#faults + 1] = problem.fault(
      nil, "field.rest.unknown", { entity = entity, count = #names - MOST_UNKNOWN })
  end
end

--- Raises a problem that lists faults.
---@param status integer 400 for the query, 422 for the body
---@param faults table[]
function problem.raise(status, faults)
  error(problem.new(status, status == 400 and "bad_request" or "invalid", { errors = faults }), 0)
end

--- A problem as a plugin makes it: `mill.problem { status, code, field, message, title, detail }`.
---@param spec table
---@return table
function problem.from_plugin(spec)
  local status = spec.status or 422
  if math.type(status) ~= "integer" or status < 400 or status > 499 then
    error("mill.problem: status must be a whole number from 400 to 499", 2)
  end
  local message = spec.message or spec.title
  if type(message) ~= "table" or not message.en or not message.zh then
    error("mill.problem: message needs both languages, { en = …, zh = … }", 2)
  end
  local self = problem.new(status, status == 403 and "forbidden" or status == 409 and "conflict" or "invalid")
  self.of_plugin = true
  self.title = spec.title or self.title
  self.errors = { { field = spec.field, code = spec.code or "refused", message = message } }
  return self
end

---@return boolean
function problem.is(value)
  return getmetatable(value) == Problem
end

--- The problem document for one reader. Which rule refused is told to all, where it stands to administrators.
---@param self table
---@param language string
---@param request_id string|nil
---@param actor table|nil
---@return table plain table for JSON
function problem.render(self, language, request_id, actor)
  local errors
  for _, fault in ipairs(self.errors) do
    errors = errors or json.array {}
    errors[#errors + 1] = {
      field = fault.field, code = fault.code, message = i18n.say(fault.message, language),
      mine = fault.mine, theirs = fault.theirs, original = fault.original,
    }
  end
  return {
    type = "urn:tidemill:problem:" .. (self.code:gsub("_", "-")), title = i18n.say(self.title, language), status = self.status,
    detail = self.detail and i18n.say(self.detail, language) or nil, errors = errors, request = request_id,
    file = self.file, line = self.line,
    rule = self.rule and self.rule.name, declared = self.rule and actor and actor.roles.administrator and self.rule.declared or nil,
  }
end

return problem
