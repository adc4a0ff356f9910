-- An __eq that loops.
-- answer: too long
local function never()
  while true do end
end
return setmetatable({}, { __eq = never }) == setmetatable({}, { __eq = never })
