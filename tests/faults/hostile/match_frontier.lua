-- A frontier without an end.
-- answer: error: malformed pattern
("a"):match("%f[a")
