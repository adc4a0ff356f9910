-- A loop without end.
-- answer: too long
while true do end
