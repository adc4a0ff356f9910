-- Keys without number.
-- answer: too long or too much memory
local t = {}
for i = 1, math.maxinteger do t["key" .. i] = true end
