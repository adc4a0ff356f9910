-- What was changed before the loop is undone.
-- answer: too long
mill.db.victim:update(record, { name = "changed" })
while true do end
