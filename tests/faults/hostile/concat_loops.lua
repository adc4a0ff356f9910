-- A __concat that loops.
-- answer: too long
return "x" .. setmetatable({}, {
  __concat = function()
    while true do end
  end,
})
