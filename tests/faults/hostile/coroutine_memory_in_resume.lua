-- Memory runs out in a coroutine, whose resume is asked to keep it.
-- answer: too much memory
while true do
  coroutine.resume(coroutine.create(function()
    local kept = {}
    while true do
      kept[#kept + 1] = ("x"):rep(1024 * 1024) .. #kept
    end
  end))
end
