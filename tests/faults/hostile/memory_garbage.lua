-- Much garbage, of which nothing is kept.
-- answer: too long
while true do local _ = ("x"):rep(100000) .. "y" end
