-- Many texts of a size that is allowed.
-- answer: too much memory
local kept = {}
while true do kept[#kept + 1] = ("x"):rep(1024 * 1024 + #kept) end
