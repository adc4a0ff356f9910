-- Makes records without end; none is kept.
-- answer: too long
while true do mill.db.victim:create { name = "made" } end
