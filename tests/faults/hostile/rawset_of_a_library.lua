-- Nor are the libraries.
-- answer: error: the table is not the plugin's own
rawset(table, "sort", nil)
