-- scripts/decisions/purity.lua: makes sure that a decision in Lua is a function of its facts and of nothing else.
--
-- It gets an environment of its own (no clock, no store, no mill, no chance), frozen facts whose `pairs` goes in the
-- order of the keys, a `tostring` without addresses, and no upvalues but constants.

local purity = {}

--- The facts as a table that cannot be changed.
---@param facts table
---@return table
function purity.freeze(facts)
  local copy = {}
  for key, value in pairs(facts) do
    copy[key] = type(value) == "table" and purity.freeze(value) or value
  end
  return setmetatable({}, {
    __index = copy, __metatable = false,
    __newindex = function()
      error("the facts of a decision cannot be changed", 2)
    end,
    __pairs = function()
      local keys = {}
      for key in pairs(copy) do
        keys[#keys + 1] = key
      end
      table.sort(keys)
      local i = 0
      return function()
        i = i + 1
        return keys[i], copy[keys[i]]
      end
    end,
    __len = function()
      return #copy
    end,
  })
end

local function plain_tostring(value)
  local kind = type(value)
  return (kind == "table" or kind == "function" or kind == "userdata" or kind == "thread") and kind or tostring(value)
end

local function environment()
  local env = {
    assert = assert, error = error, ipairs = ipairs, next = nil, pairs = pairs, select = select, tonumber = tonumber,
    tostring = plain_tostring, type = type, math = {}, string = {}, table = {},
  }
  for _, name in ipairs { "abs", "ceil", "floor", "max", "min", "tointeger", "type", "huge", "maxinteger", "mininteger", "fmod", "ult" } do
    env.math[name] = math[name]
  end
  for _, name in ipairs { "byte", "char", "find", "gsub", "gmatch", "len", "lower", "match", "rep", "reverse", "sub", "upper" } do
    env.string[name] = string[name]
  end
  for _, name in ipairs { "concat", "insert", "remove", "sort", "unpack", "pack" } do
    env.table[name] = table[name]
  end
  return env
end

local constants = { string = true, number = true, boolean = true, ["nil"] = true }

--- Gives `decide` its own environment. Raises an error that names an upvalue that is no constant.
---@param name string of the decision
---@param decide function
---@return function
function purity.seal(name, decide)
  local env = environment()
  local function holder()
    return env
  end
  local i = 1
  while true do
    local upvalue, value = debug.getupvalue(decide, i)
    if not upvalue then
      break
    elseif upvalue == "_ENV" then
      debug.upvaluejoin(decide, i, holder, 1)
    elseif not constants[type(value)] then
      error(("decision %s: decide uses %s from outside, which is a %s; only constants may be used"):format(name, upvalue, type(value)), 0)
    end
    i = i + 1
  end
  return decide
end

return purity
