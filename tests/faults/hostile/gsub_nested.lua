-- Each callback begins another gsub.
-- answer: error: C stack overflow
local function deep(text) return (text:gsub("a", deep)) end
deep("a")
