-- An answer is what is in its table.
-- answer: value: {"a":1}
local function never()
  while true do end
end
return setmetatable({ a = 1 }, { __index = never, __pairs = never, __len = never, __tostring = never })
