-- A text longer than there is memory.
-- answer: error: resulting string too large
return { #("x"):rep(1 << 40) }
