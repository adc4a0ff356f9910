-- No text becomes code.
-- answer: error: there is no global load
load("while true do end")()
