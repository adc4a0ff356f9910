-- No __gc: the hook that ends a loop is off in it.
-- answer: error: plugins have no __gc
setmetatable({}, {
  __gc = function()
    while true do end
  end,
})
