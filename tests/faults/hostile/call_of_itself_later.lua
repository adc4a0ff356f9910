-- Nor when it becomes so behind setmetatable's back.
-- answer: error: attempt to call a table value
local metatable = {}
local value = setmetatable({}, metatable)
metatable.__call = value
value()
