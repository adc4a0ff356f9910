-- select with all that the stack has.
-- answer: too long
local t = {}
for i = 1, 100000 do t[i] = i end
while true do select("#", table.unpack(t)) end
