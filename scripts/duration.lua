-- scripts/duration.lua: lengths of time as people write them: 30m, 4h, 3d.

local duration = {}

local units_ms = { s = 1000, m = 60000, h = 3600000, d = 86400000 }

--- Milliseconds, or nil when it is none.
---@param text string
---@return integer|nil
function duration.parse(text)
  local count, unit = tostring(text):match("^(%d+)([smhd])$")
  local whole = count and #count <= 9 and math.tointeger(tonumber(count))
  return whole and whole * units_ms[unit] or nil
end

return duration
