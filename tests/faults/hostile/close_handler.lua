-- No __close: it would run while the task is taken down.
-- answer: error: plugins have no __close
local handle <close> = setmetatable({}, { -- luacheck: ignore
  __close = function()
    while true do end
  end,
})
while true do end
