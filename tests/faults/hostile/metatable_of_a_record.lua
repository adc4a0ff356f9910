-- A record keeps its own.
-- answer: error: the table is not the plugin's own
setmetatable(record, {
  __index = function()
    while true do end
  end,
})
