-- Coroutines that are never run.
-- answer: too long or too much memory
local kept = {}
while true do
  kept[#kept + 1] = coroutine.create(function() end)
end
