-- One call makes a text of 4 GB.
-- answer: error: resulting string too large
local text = ("a"):rep(65536)
return { (text:gsub("a", text)) }
