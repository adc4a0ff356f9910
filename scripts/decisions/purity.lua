-- scripts/decisions/purity.lua: makes sure that a decision in Lua is a function of its facts and of nothing else.
--
-- It gets an environment of its own (no clock, no store, no mill, no chance) in which nothing can
-- be kept, frozen facts, a `pairs` that goes in the order of the keys, a `tostring` and a `format`
-- that know no addresses, and upvalues that are constants: cells of its own, which each run finds
-- as they were declared. Methods of texts, which Lua looks up in one place for all, are those of
-- its environment while it runs; it cannot wait, so nobody else meets them.

local purity = {}

-- Texts after numbers, numbers after booleans: what stands as a key in a table has one order, and
-- no address.
local order = { boolean = 1, number = 2, string = 3 }

local function before(a, b)
  local kind, other = type(a), type(b)
  if kind ~= other then
    return order[kind] < order[other]
  elseif kind == "boolean" then
    return not a and b
  end
  return a < b
end

local function in_order(values)
  local keys = {}
  for key in next, values do
    if not order[type(key)] then
      error("a key in a decision is a text, a number or a boolean, not a " .. type(key), 2)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys, before)
  local i = 0
  return function()
    repeat
      i = i + 1
    until keys[i] == nil or values[keys[i]] ~= nil
    return keys[i], values[keys[i]]
  end
end

local function refuse_change(what)
  return function()
    error(what .. " cannot be changed", 2)
  end
end

-- A table that shows `values` and takes none.
local function frozen(what, values)
  return setmetatable({}, {
    __index = values, __newindex = refuse_change(what), __metatable = false,
    __pairs = function()
      return in_order(values)
    end,
    __len = function()
      return #values
    end,
  })
end

--- The facts as a table that cannot be changed.
---@param facts table
---@return table
function purity.freeze(facts)
  local copy = {}
  for key, value in pairs(facts) do
    copy[key] = type(value) == "table" and purity.freeze(value) or value
  end
  return frozen("the facts of a decision", copy)
end

local function ordered_pairs(values)
  local metatable = debug.getmetatable(values)
  if type(values) == "table" and metatable and metatable.__pairs then
    return metatable.__pairs(values)
  elseif type(values) ~= "table" then
    error("pairs needs a table, not a " .. type(values), 2)
  end
  return in_order(values)
end

local plain = { string = true, number = true, boolean = true, ["nil"] = true }

local function plain_tostring(value)
  return plain[type(value)] and tostring(value) or type(value)
end

-- string.format without %p, the address of a value.
local function plain_format(form, ...)
  local values = table.pack(...)
  for i = 1, values.n do
    values[i] = plain[type(values[i])] and values[i] or type(values[i])
  end
  if type(form) == "string" and string.find(string.gsub(form, "%%%%", ""), "%%[%d%.%-+# ]*p") then
    error("a decision has no addresses: format without %p", 2)
  end
  return string.format(form, table.unpack(values, 1, values.n))
end

-- table.sort asks the clock where it begins; this one keeps the order of equals.
local function merge_sort(list, precedes)
  precedes = precedes or function(a, b)
    return a < b
  end
  local count, from, to = #list, {}, {}
  for i = 1, count do
    from[i] = list[i]
  end
  local width = 1
  while width < count do
    for low = 1, count, 2 * width do
      local middle, high = math.min(low + width, count + 1), math.min(low + 2 * width, count + 1)
      local left, right = low, middle
      for i = low, high - 1 do
        if left < middle and (right >= high or not precedes(from[right], from[left])) then
          to[i], left = from[left], left + 1
        else
          to[i], right = from[right], right + 1
        end
      end
    end
    from, to, width = to, from, 2 * width
  end
  for i = 1, count do
    list[i] = from[i]
  end
end

local function some_of(library, names)
  local found = {}
  for name in names:gmatch("%S+") do
    found[name] = library[name]
  end
  return found
end

local texts = some_of(string, "byte char find gsub gmatch len lower match rep reverse sub upper")
texts.format = plain_format

local lists = some_of(table, "concat insert remove unpack pack")
lists.sort = merge_sort

local env = frozen("what a decision finds", {
  assert = assert, error = error, ipairs = ipairs, pairs = ordered_pairs, select = select,
  tonumber = tonumber,
  tostring = plain_tostring, type = type, string = frozen("string", texts),
  table = frozen("table", lists),
  math = frozen("math",
    some_of(math, "abs ceil floor max min tointeger type huge maxinteger mininteger fmod ult")),
})

local function cell(value)
  return function()
    return value
  end
end

-- Cells of its own for the upvalues, so that no other function of the file reaches them. Returns
-- the values by index.
local function own_upvalues(name, decide)
  local values, i = {}, 1
  while true do
    local upvalue, value = debug.getupvalue(decide, i)
    if not upvalue then
      return values, i - 1
    elseif upvalue == "_ENV" then
      value = env
    elseif not plain[type(value)] then
      error(("decision %s: decide uses %s from outside, a %s; only constants may be used"):format(
        name, upvalue, type(value)), 0)
    end
    values[i] = value
    debug.upvaluejoin(decide, i, cell(value), 1)
    i = i + 1
  end
end

--- Gives `decide` its own environment. Raises an error that names an upvalue that is no constant.
--- The function that comes back gives the same for the same facts, whatever it did before.
---@param name string of the decision
---@param decide function
---@return function
function purity.seal(name, decide)
  if debug.getinfo(decide, "S").what == "C" then
    error(("decision %s: decide must be written in Lua"):format(name), 0)
  end
  local values, count = own_upvalues(name, decide)
  local of_texts = debug.getmetatable("")
  return function(facts)
    for i = 1, count do
      debug.setupvalue(decide, i, values[i])
    end
    local all_texts = of_texts.__index
    of_texts.__index = texts
    local ok, outcome = pcall(decide, facts)
    of_texts.__index = all_texts
    if not ok then
      error(outcome, 0)
    end
    return outcome
  end
end

return purity
