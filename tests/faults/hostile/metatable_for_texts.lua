-- Nor can they be given another.
-- answer: error: table expected, got string
setmetatable("", {})
