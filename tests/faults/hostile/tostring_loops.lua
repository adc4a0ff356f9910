-- A __tostring that loops.
-- answer: too long
return tostring(setmetatable({}, {
  __tostring = function()
    while true do end
  end,
}))
