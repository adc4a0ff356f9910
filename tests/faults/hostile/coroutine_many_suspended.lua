-- Coroutines that wait for ever, each with a stack.
-- answer: too long or too much memory
local function deep(n)
  if n == 0 then
    coroutine.yield()
  end
  return deep(n - 1), 1
end
local kept = {}
while true do
  kept[#kept + 1] = coroutine.wrap(deep)
  kept[#kept](100)
end
