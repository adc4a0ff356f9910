-- Coroutines in coroutines without an end: the C stack has one.
-- answer: value: {"ok":false}
local function go()
  return coroutine.wrap(go)()
end
return { ok = (pcall(go)) }
