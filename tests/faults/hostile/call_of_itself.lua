-- A table that is its own __call keeps one call busy for hours.
-- answer: error: __call must be a function
local metatable = {}
local value = setmetatable({}, metatable)
metatable.__call = value
setmetatable(value, metatable)
value()
