-- A variable to be closed needs a metatable.
-- answer: error: variable 
local x <close> = {}
return { tostring(x) }
