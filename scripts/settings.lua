-- scripts/settings.lua: the settings of the server and of the client pack, as far as scripts may see them.

local generation = require "core.generation"
local json = require "core.json"

local settings = {}

settings.server = json.decode(generation.settings)
settings.values = { base_currency = "CNY" }

--- The currency in which amounts are compared and summed.
---@return string
function settings.base_currency()
  return settings.values.base_currency
end

return settings
