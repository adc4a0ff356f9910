-- By way of the metatable of texts.
-- answer: error: resulting string too large
local rep = ("").rep
return { #rep("x", math.maxinteger) }
