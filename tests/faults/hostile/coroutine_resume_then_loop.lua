-- A resume gives back no break as its false.
-- answer: too long
local co = coroutine.create(function()
  while true do end
end)
coroutine.resume(co)
while true do end
