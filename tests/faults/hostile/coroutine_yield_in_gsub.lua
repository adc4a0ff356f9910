-- A yield leaves gsub, and comes back as often as it is asked to.
-- answer: too long
local next_one = coroutine.wrap(function()
  return (("x"):rep(10000000):gsub(".", coroutine.yield))
end)
while next_one() do end
