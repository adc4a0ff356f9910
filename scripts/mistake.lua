-- scripts/mistake.lua: what somebody at the command line asked wrongly, or declared so that it cannot be. Raised, it ends
-- the work with these words alone, where an error of the code ends it with its traceback.

local Mistake = { __name = "mistake" }

function Mistake.__tostring(self)
  return self.words
end

--- Raises a mistake.
---@param format string as for string.format
return function(format, ...)
  error(setmetatable({ words = format:format(...) }, Mistake), 0)
end
