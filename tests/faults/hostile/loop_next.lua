-- A loop over an iterator that never ends.
-- answer: too long
for _ in function() return 1 end do end
