-- An answer that repeats one long text.
-- answer: too long or error: too long for JSON
local t, text = {}, ("x"):rep(1024 * 1024)
for i = 1, 4096 do t[i] = text end
return t
