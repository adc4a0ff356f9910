-- A table that grows.
-- answer: too long or too much memory
local t = {}
while true do t[#t + 1] = {} end
