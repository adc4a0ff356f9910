-- A long move inside pcall.
-- answer: too long
while true do pcall(table.move, {}, 1, 16000000, 2) end
