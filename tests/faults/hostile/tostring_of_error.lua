-- An error whose words never end.
-- answer: too long
error(setmetatable({}, {
  __tostring = function()
    while true do end
  end,
}))
