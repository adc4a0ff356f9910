-- An order function that is slow at each step.
-- answer: too long
local t = {}
for i = 1, 100000 do t[i] = (i * 7919) % 100003 end
table.sort(t, function(a, b)
  for _ = 1, 1000 do a = a + 0 end
  return a < b
end)
