-- An answer that is deeper than JSON may be.
-- answer: error: 
local t = {}
for _ = 1, 100000 do t = { t } end
return t
