-- The pattern of twelve stars.
-- answer: too long
(("a"):rep(60)):find(("a*"):rep(12) .. "b")
