-- The value of the error is kept and raised again later.
-- answer: too long
local ok, what = pcall(function() while true do end end)
return { tostring(ok), tostring(what) }
