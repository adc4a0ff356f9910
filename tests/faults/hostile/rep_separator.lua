-- Nothing, with something between.
-- answer: error: resulting string too large
return { #(""):rep(math.maxinteger, "x") }
