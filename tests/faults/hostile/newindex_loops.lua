-- A __newindex that sets itself.
-- answer: error: stack overflow
local value
value = setmetatable({}, {
  __newindex = function(_, key)
    value[key .. "x"] = 1
  end,
})
value.x = 1
