-- A __pairs without an end.
-- answer: too long
for _ in pairs(setmetatable({}, {
  __pairs = function()
    return function()
      return 1
    end
  end,
})) do end -- luacheck: ignore
