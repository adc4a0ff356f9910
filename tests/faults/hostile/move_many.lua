-- Moves of what is nothing, again and again.
-- answer: too long
while true do table.move({}, 1, 16000000, 2) end
