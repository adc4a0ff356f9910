-- A handler that has a handler that loops.
-- answer: too long
xpcall(error, function()
  xpcall(error, function() while true do end end, "y")
end, "x")
return { "escaped" }
