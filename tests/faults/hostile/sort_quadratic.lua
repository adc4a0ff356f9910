-- An order that makes quicksort slow.
-- answer: too long
local t = {}
for i = 1, 60000 do t[i] = i end
table.sort(t, function(a, b)
  return (a * 2654435761) % 1024 // 1000 > (b * 2654435761) % 1024 // 1000
end)
while true do table.sort(t, function(a, b) return a < b end) end
