-- A message handler that is a coroutine which loops.
-- answer: too long
xpcall(error, coroutine.wrap(function()
  while true do end
end))
