-- The same, caught.
-- answer: too long
local metatable = {
  __lt = function()
    while true do end
  end,
}
while true do
  pcall(table.sort, { setmetatable({}, metatable), setmetatable({}, metatable) })
end
