-- A loop of goto.
-- answer: too long
::again:: goto again
