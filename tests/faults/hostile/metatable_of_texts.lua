-- Everybody's texts have one metatable.
-- answer: error: attempt to index a boolean value
getmetatable("").__index = nil
