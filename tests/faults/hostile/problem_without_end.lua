-- A problem with a fault for every number.
-- answer: too long or too much memory
local problem = mill.problem { message = { en = "no", zh = "不行" } }
problem.errors = setmetatable({}, {
  __index = function()
    return { message = "no" }
  end,
})
error(problem)
