-- gmatch in a pattern that takes exponential time.
-- answer: too long
for _ in (("a"):rep(60)):gmatch(("a*"):rep(12) .. "b") do end
