-- The libraries keep theirs.
-- answer: error: the table is not the plugin's own
setmetatable(string, { __index = {} })
