-- Coroutines made and closed for ever.
-- answer: too long
while true do
  local co = coroutine.create(coroutine.yield)
  coroutine.resume(co)
  coroutine.close(co)
end
