-- No finalizers, no closing functions: there is no setmetatable.
-- answer: error: there is no global setmetatable
setmetatable({}, { __gc = function() while true do end end })
