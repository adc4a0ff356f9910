-- table.unpack asks no __len.
-- answer: value: {"count":2}
local value = setmetatable({ 1, 2 }, {
  __len = function()
    return 1 << 30
  end,
})
return { count = select("#", table.unpack(value)) }
