-- Asks the store again and again.
-- answer: too long
while true do mill.db.victim:list { limit = 1000 } end
