-- A set of a million characters at each place.
-- answer: too long
local set = "[" .. ("x"):rep(1000000) .. "]"
;("a"):rep(100000):find(set)
