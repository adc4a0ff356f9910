-- Globals of its own that loop.
-- answer: too long
local _ENV = setmetatable({}, {
  __index = function()
    while true do end
  end,
})
return something
