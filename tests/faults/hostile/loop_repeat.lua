-- A loop that works on numbers.
-- answer: too long
local n = 0
repeat n = n + 1 until n < 0
