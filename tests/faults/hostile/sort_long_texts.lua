-- Texts that differ at their ends only are compared again and again.
-- answer: too long
local t = {}
local long = ("a"):rep(4 * 1024 * 1024)
for i = 1, 12 do t[i] = long .. i end
for i = 13, 200000 do t[i] = t[i % 12 + 1] end
table.sort(t)
