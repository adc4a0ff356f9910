-- Each element is put before a hundred thousand others.
-- answer: too long
local t = {}
while true do table.insert(t, 1, 1) end
