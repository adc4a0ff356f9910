-- The order function is broken inside a sort inside a pcall.
-- answer: too long
pcall(table.sort, { 3, 2, 1 }, function() while true do end end)
return { "escaped" }
