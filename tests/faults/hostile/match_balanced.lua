-- %b at each place of a text of opening brackets.
-- answer: too long
("("):rep(300000):match("%b()x")
