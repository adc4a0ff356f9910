-- No coroutine in which a yield would be swallowed.
-- answer: error: there is no global coroutine
coroutine.wrap(function() end)()
