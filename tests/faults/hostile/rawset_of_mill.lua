-- Nor is it set behind its metatable's back.
-- answer: error: the table is not the plugin's own
rawset(mill, "db", {})
