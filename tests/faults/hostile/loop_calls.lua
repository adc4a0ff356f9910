-- A loop that calls C functions only.
-- answer: too long
while true do type(1) end
