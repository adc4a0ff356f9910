-- A __len that loops.
-- answer: too long
return #setmetatable({}, {
  __len = function()
    while true do end
  end,
})
