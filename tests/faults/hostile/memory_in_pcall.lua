-- The lack of memory is caught, and more is taken.
-- answer: too much memory
local kept = {}
while true do
  pcall(function() kept[#kept + 1] = ("x"):rep(8 * 1024 * 1024 + #kept) end)
end
