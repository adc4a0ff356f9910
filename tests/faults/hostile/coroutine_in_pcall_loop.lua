-- pcall around wrap, again and again.
-- answer: too long
while true do
  pcall(coroutine.wrap(function()
    while true do end
  end))
end
