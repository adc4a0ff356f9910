-- The greatest move there is.
-- answer: error: too many elements to move
table.move({}, 1, math.maxinteger - 1, 2)
