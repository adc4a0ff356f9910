-- More results than the stack has room for.
-- answer: error: too many results to unpack
table.unpack({}, 1, 1 << 30)
