-- mill keeps its own.
-- answer: error: the table is not the plugin's own
setmetatable(mill, {})
