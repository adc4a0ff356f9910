-- Each coroutine resumes the next; the innermost loops.
-- answer: too long
local function go(depth)
  if depth == 100 then
    while true do end
  end
  while true do
    coroutine.resume(coroutine.create(go), depth + 1)
  end
end
go(1)
