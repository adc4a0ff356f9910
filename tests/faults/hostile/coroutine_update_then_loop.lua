-- What a coroutine has changed goes with its request.
-- answer: too long
coroutine.wrap(function()
  mill.db.victim:update(record, { name = "changed" })
  while true do end
end)()
