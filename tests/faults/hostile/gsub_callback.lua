-- The function of gsub never ends.
-- answer: too long
(("x"):gsub("x", function() while true do end end))()
