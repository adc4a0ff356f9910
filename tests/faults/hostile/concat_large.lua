-- A text is joined to itself.
-- answer: too much memory
local t, text = {}, ("x"):rep(1024 * 1024)
for i = 1, 4096 do t[i] = text end
return { #table.concat(t) }
