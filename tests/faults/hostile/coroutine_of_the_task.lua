-- The coroutine of the task is not given out.
-- answer: value: {"main":true}
local co, main = coroutine.running()
return { co = co, main = main }
