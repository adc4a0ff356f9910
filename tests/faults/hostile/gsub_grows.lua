-- Each round doubles the text.
-- answer: too long or too much memory
local text = "aa"
while true do text = text:gsub("a", "aa") end
