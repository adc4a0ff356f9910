-- A loop in a coroutine: the break ends the resume, and the request.
-- answer: too long
coroutine.resume(coroutine.create(function()
  while true do end
end))
