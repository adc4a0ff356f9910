-- An order function that never ends.
-- answer: too long
table.sort({ 3, 2, 1 }, function() while true do end end)
