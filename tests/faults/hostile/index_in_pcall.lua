-- The break in an __index, caught again and again.
-- answer: too long
local value = setmetatable({}, {
  __index = function()
    while true do end
  end,
})
while true do
  pcall(function()
    return value.x
  end)
end
