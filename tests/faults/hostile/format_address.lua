-- Where a table lies in memory.
-- answer: error: invalid conversion '%p' to 'format'
return { ("%p"):format({}) }
