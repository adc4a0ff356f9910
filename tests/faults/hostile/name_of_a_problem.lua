-- A table that calls itself a problem is none.
-- answer: error: { status = 200 }
error(setmetatable({ status = 200 }, { __name = "problem" }))
