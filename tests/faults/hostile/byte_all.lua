-- All bytes of a long text at once.
-- answer: error: 
return { (("x"):rep(16 * 1024 * 1024)):byte(1, -1) }
