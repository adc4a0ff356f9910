-- What is not there is joined.
-- answer: error: invalid value
table.concat({}, "", 1, math.maxinteger)
