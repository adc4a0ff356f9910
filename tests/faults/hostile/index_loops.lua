-- An __index that loops.
-- answer: too long
return setmetatable({}, {
  __index = function()
    while true do end
  end,
}).x
