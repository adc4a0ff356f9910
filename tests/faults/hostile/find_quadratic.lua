-- Each start looks at all that follows.
-- answer: too long
("a"):rep(200000):find(".-b")
