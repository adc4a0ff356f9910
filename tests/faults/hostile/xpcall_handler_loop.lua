-- The message handler never ends.
-- answer: too long
xpcall(error, function() while true do end end, "x")
