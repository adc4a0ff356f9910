-- Bytecode, by way of the metatable of texts.
-- answer: error: 
return { ("").dump(function() end) }
