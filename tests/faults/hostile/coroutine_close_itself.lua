-- A coroutine that runs cannot be closed.
-- answer: error: cannot close a running coroutine
coroutine.wrap(function()
  coroutine.close(coroutine.running())
end)()
