-- Nor one that is added when the table has its metatable.
-- answer: error: variable 'handle' got a non-closable value
local metatable = {}
local value = setmetatable({}, metatable)
metatable.__close = function()
  while true do end
end
local handle <close> = value -- luacheck: ignore
while true do end
