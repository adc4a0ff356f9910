-- The message handler raises, again and again.
-- answer: value: ["no","again"]
local _, what = xpcall(error, function() error("again", 0) end, "x")
return { "no", what }
