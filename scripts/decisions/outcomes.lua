-- scripts/decisions/outcomes.lua: what a decision may answer: names with types and allowed values.

local assignments = require "assignments"
local duration = require "duration"
local misspelt = require "misspelt"

local outcomes = {}

local plain = { string = true, number = true, boolean = true }

-- Each type: whether a value is one, and what is needed in words.
local types = {
  any = { function(value) return plain[type(value)] end, "a text, a number, true or false" },
  text = { function(value) return type(value) == "string" end, "a text" },
  integer = { function(value) return math.type(value) == "integer" end, "a whole number" },
  boolean = { function(value) return type(value) == "boolean" end, "true or false" },
  duration = {
    function(value) return type(value) == "string" and duration.parse(value) end,
    "a duration such as 30m, 4h or 3d",
  },
  selector = {
    function(value) return type(value) == "string" and assignments.parse(value) end,
    "a selector, unit:CODE or position:CODE",
  },
}

local outcome_keys = { [1] = true, label = true, type = true, values = true }

local function names_of(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

local function make_values(outcome, values)
  if type(values) ~= "table" or #values == 0 then
    error(outcome.name .. ": values is a list of what it may be", 0)
  end
  outcome.values, outcome.needed = {}, {}
  for i, value in ipairs(values) do
    if not types[outcome.type][1](value) then
      error(("%s: values: %s is not %s"):format(
        outcome.name, tostring(value), types[outcome.type][2]), 0)
    end
    outcome.values[value], outcome.needed[i] = true, tostring(value)
  end
  outcome.needed = "one of " .. table.concat(outcome.needed, ", ")
end

--- Makes an outcome of `{ "channel", type = "text", values = { "direct", "pool" }, label = … }`.
---@param declared table
---@return table outcome name, type, values (a set) or nil, needed (in words), label
function outcomes.make(declared)
  if type(declared) ~= "table" or type(declared[1]) ~= "string" then
    error('an outcome is { "name", type = … }', 0)
  end
  misspelt.check_keys(declared[1] .. ": an outcome", declared, outcome_keys)
  local outcome = { name = declared[1], type = declared.type or "any", label = declared.label }
  if not types[outcome.type] then
    error(("%s: there is no type %s; there are %s%s"):format(
      outcome.name, tostring(outcome.type), names_of(types), misspelt.hint(outcome.type, types)), 0)
  end
  outcome.needed = types[outcome.type][2]
  if declared.values ~= nil then
    make_values(outcome, declared.values)
  end
  return outcome
end

--- What is wrong with a value, or nil. Nothing at all is always possible.
---@return string|nil fault
function outcomes.fault(outcome, value)
  if value == nil or (types[outcome.type][1](value)
      and (not outcome.values or outcome.values[value])) then
    return nil
  end
  local shown = type(value) == "string" and ("%q"):format(value) or plain[type(value)]
    and tostring(value) or "a " .. type(value)
  return ("%s: needed is %s"):format(shown, outcome.needed)
end

return outcomes
