-- An error of many megabytes.
-- answer: too long or too much memory
error(("x"):rep(16 * 1024 * 1024))
