-- scripts/misspelt.lua: what somebody may have meant who wrote a name that nobody knows.

local places = require "places"

local misspelt = {}

-- How many letters are to be added, taken away, changed or swapped with the next one (the optimal string alignment distance);
-- more than `most` is not counted.
local function distance(a, b, most)
  if math.abs(#a - #b) > most then
    return most + 1
  end
  local before, last, row = {}, {}, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

-- A list of names and a table by name are both welcome, and so is one that is both.
local function names_of(known)
  local names, seen = {}, {}
  for key, value in pairs(known) do
    local name = type(key) == "string" and key or type(value) == "string" and value
    if name and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- The known name that is nearest, if it is near: a third of its letters may differ, and one always.
---@param name any
---@param known table a list of names, or a table by name
---@return string|nil
function misspelt.nearest(name, known)
  if type(name) ~= "string" or #name > 60 then
    return nil
  end
  local lower = name:lower()
  local most = math.max(1, #name // 3)
  local found
  for _, other in ipairs(names_of(known)) do
    local far = distance(lower, other:lower(), most)
    if far <= most and other ~= name then
      found, most = other, far - 1
    end
  end
  return found
end

--- "; did you mean NAME?", or an empty text.
---@param name any
---@param known table
---@param before string|nil what stands before the names: "mill."
---@return string
function misspelt.hint(name, known, before)
  local found = misspelt.nearest(name, known)
  return found and ("; did you mean %s%s?"):format(before or "", found) or ""
end

--- Raises an error for the first property of a declaration that there is none of, at the line where it stands.
---@param what string whose property: "rule lead.offer"
---@param given table
---@param known table<string, true>
---@param where string|table|nil of the declaration
function misspelt.check_keys(what, given, known, where)
  local unknown
  for key in pairs(given) do
    if not known[key] and (not unknown or tostring(key) < tostring(unknown)) then
      unknown = key
    end
  end
  if unknown == nil then
    return
  end
  local words = ("%s has no property %s%s"):format(what, tostring(unknown), misspelt.hint(unknown, known))
  if where == nil then
    error(words, 0)
  end
  places.within(places.item(where, unknown), error, words, 0)
end

return misspelt
