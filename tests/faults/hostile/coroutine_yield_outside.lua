-- The task itself is no coroutine of the plugin.
-- answer: error: attempt to yield from outside a coroutine
coroutine.yield()
