-- Asks the store again and again, and catches what is raised.
-- answer: too long
while true do pcall(function() mill.db.victim:list { limit = 1000 } end) end
