-- The metatable of texts cannot be reached.
-- answer: error: there is no global getmetatable
return { getmetatable("") }
