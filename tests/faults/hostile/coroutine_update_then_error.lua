-- The same, when an error is raised through the resume.
-- answer: error: on purpose
coroutine.wrap(function()
  mill.db.victim:update(record, { name = "changed" })
  error "on purpose"
end)()
