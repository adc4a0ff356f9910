-- The metatable of texts cannot be reached.
-- answer: value: [false]
return { getmetatable("") }
