-- The collector cannot be stopped.
-- answer: error: there is no global collectgarbage
collectgarbage("stop")
