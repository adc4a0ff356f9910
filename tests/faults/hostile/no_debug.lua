-- Hooks cannot be taken away.
-- answer: error: there is no global debug
debug.sethook()
