-- An __index that leads back.
-- answer: error: possible loop
local a, b = {}, {}
setmetatable(a, { __index = b })
setmetatable(b, { __index = a })
return a.x
