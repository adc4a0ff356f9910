-- Nor one that is added later.
-- answer: value: {"ran":false}
local metatable, ran = {}, false
local function make()
  return setmetatable({}, metatable)
end
make()
metatable.__gc = function()
  ran = true
  while true do end
end
local kept
for i = 1, 100000 do
  kept = { kept and i }
end
return { ran = ran }
