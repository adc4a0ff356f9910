-- A pattern inside pcall.
-- answer: too long
pcall(string.find, ("a"):rep(60), ("a*"):rep(12) .. "b")
return { "escaped" }
