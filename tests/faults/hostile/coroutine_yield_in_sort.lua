-- A yield cannot leave sort.
-- answer: error: attempt to yield across a C-call boundary
coroutine.wrap(function()
  table.sort({ 3, 2, 1 }, function()
    coroutine.yield()
  end)
end)()
