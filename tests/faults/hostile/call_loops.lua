-- A __call that calls itself.
-- answer: too much memory
local value
value = setmetatable({}, {
  __call = function()
    return 1 + value()
  end,
})
return value()
