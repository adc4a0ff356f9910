-- One that runs cannot be resumed, by itself or by what it resumed.
-- answer: value: ["cannot resume non-suspended coroutine","cannot resume non-suspended coroutine"]
local outer
outer = coroutine.create(function()
  local _, own = coroutine.resume(outer)
  local _, inner = coroutine.wrap(function()
    return coroutine.resume(outer)
  end)()
  return { own, inner }
end)
local _, told = coroutine.resume(outer)
return told
