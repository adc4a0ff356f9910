-- Caught on many levels.
-- answer: too long
local function deep(n)
  if n == 0 then
    while true do end
  end
  pcall(deep, n - 1)
end
deep(100)
return { "escaped" }
