-- A width of a million.
-- answer: error: invalid conversion
return { ("%1000000d"):format(1) }
