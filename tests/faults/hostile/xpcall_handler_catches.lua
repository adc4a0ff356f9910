-- The handler is called for a budget that is broken, and says that all is well.
-- answer: too long
local _, what = xpcall(function() while true do end end, function() return "escaped" end)
return { what }
