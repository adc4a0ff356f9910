-- A text that grows.
-- answer: too much memory
local text = ("x"):rep(1024)
while true do text = text .. text end
