-- The error is caught, and the loop goes on.
-- answer: too long
while true do
  pcall(function() while true do end end)
end
