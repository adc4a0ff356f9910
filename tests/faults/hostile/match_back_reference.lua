-- A back reference to a long capture, at each place.
-- answer: too long
("a"):rep(100000):match("(.*)(.*)%1%2b")
