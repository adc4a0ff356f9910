-- Metatables without number.
-- answer: too long or too much memory
local kept = {}
while true do
  kept[#kept + 1] = setmetatable({}, { __index = kept })
end
