-- A loop with the greatest count there is.
-- answer: too long
for _ = 1, math.maxinteger do end
