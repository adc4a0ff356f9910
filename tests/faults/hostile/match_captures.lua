-- More captures than there may be.
-- answer: error: too many captures
("a"):rep(40):match(("()"):rep(40))
