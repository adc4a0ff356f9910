-- A __lt that loops, asked by sort.
-- answer: too long
local metatable = {
  __lt = function()
    while true do end
  end,
}
table.sort { setmetatable({}, metatable), setmetatable({}, metatable) }
