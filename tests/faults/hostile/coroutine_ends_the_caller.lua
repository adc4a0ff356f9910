-- A break within two resumes and two pcalls.
-- answer: too long
while true do
  pcall(coroutine.wrap(function()
    while true do
      pcall(coroutine.resume, coroutine.create(function()
        while true do end
      end))
    end
  end))
end
