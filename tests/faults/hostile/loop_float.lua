-- A loop that cannot reach its end, since 1 is too small a step.
-- answer: too long
local x = 2.0 ^ 53
while x < 2.0 ^ 54 do x = x + 1 end
