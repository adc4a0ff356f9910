-- scripts/maps.lua: tables by key, in an order that is always the same. What `pairs` gives depends
-- on the process: what people read, or what chooses among several, must not.

local maps = {}

--- Like `pairs`, in the order of the keys.
---@param map table
function maps.sorted(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  local i = 0
  return function()
    i = i + 1
    return keys[i], map[keys[i]]
  end
end

return maps
