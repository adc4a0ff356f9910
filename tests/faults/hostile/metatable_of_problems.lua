-- What all problems share is not shown.
-- answer: value: {"shown":false}
local message = { en = "no", zh = "不行" }
return { shown = getmetatable(mill.problem { message = message }) }
