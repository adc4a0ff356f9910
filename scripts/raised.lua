-- scripts/raised.lua: in words, for the log, what was raised and is no problem.

local raised = {}

local MOST_KEYS, DEEPEST = 20, 3

local show

local function show_table(value, depth)
  local entries, parts = {}, {}
  for name, own in next, value do
    entries[#entries + 1] = { name = tostring(name), value = own }
  end
  table.sort(entries, function(one, other)
    return one.name < other.name
  end)
  for i = 1, math.min(#entries, MOST_KEYS) do
    parts[i] = ("%s = %s"):format(entries[i].name, show(entries[i].value, depth + 1))
  end
  parts[#parts + 1] = #entries > MOST_KEYS and "…" or nil
  return "{ " .. table.concat(parts, ", ") .. " }"
end

function show(value, depth)
  if type(value) == "string" then
    return ('"%s"'):format(value)
  elseif type(value) == "table" and depth > DEEPEST then
    return "{ … }"
  elseif type(value) == "table" then
    return show_table(value, depth)
  end
  return type(value) == "function" and "function" or tostring(value)
end

--- What was raised, in words: a table without words of its own by what it holds.
---@param fault any
---@return string
function raised.words(fault)
  local metatable = type(fault) == "table" and debug.getmetatable(fault)
  if type(fault) ~= "table" or metatable and metatable.__tostring then
    return tostring(fault)
  end
  return show_table(fault, 1)
end

return raised
