-- A call that never comes back.
-- answer: error: stack overflow
local function deep(n) return 1 + deep(n + 1) end
return { deep(1) }
