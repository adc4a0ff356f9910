-- A problem that raises itself while it is told, and has no words for that either.
-- answer: too long
local problem = mill.problem { message = { en = "no", zh = "不行" } }
local told = 0
problem.title = setmetatable({}, {
  __index = function()
    told = told + 1
    while told > 1 do end
    error(problem)
  end,
})
error(problem)
