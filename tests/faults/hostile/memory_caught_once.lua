-- The lack of memory is caught, and all is said to be well.
-- answer: too much memory
pcall(function()
  local text = "x"
  while true do text = text .. text end
end)
return { "escaped" }
