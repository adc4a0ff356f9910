-- A long text that is almost found at each place.
-- answer: value: ["nothing"]
local text, part = ("a"):rep(1000000), ("a"):rep(500000) .. "b"
return { text:find(part, 1, true) or "nothing" }
