-- Callbacks of callbacks, each with its own pcall.
-- answer: too long
local function again(text)
  pcall(string.gsub, text, ".", function(c)
    pcall(again, c .. c)
  end)
  return again(text)
end
again("abc")
