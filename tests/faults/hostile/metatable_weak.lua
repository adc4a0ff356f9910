-- No __mode: what is in a table does not depend on when memory is cleared up.
-- answer: error: plugins have no __mode
setmetatable({}, { __mode = "k" })
