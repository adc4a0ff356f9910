-- The real globals are not behind the name.
-- answer: error: there is no global _G
return { _G.pcall }
