-- A problem whose words never end.
-- answer: too long
local problem = mill.problem { message = { en = "no", zh = "不行" } }
problem.title = setmetatable({}, {
  __index = function()
    while true do end
  end,
})
error(problem)
