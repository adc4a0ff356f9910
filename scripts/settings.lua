-- scripts/settings.lua: the settings of the server, as far as scripts may see them, and those of
-- the plugins.
--
-- A manifest declares settings, each with a type, a default and a label; a client pack gives those
-- of plugins other values. All have their values before the first file of a plugin is loaded.

local generation = require "core.generation"
local json = require "core.json"
local maps = require "maps"
local misspelt = require "misspelt"
local places = require "places"

local settings = { values = {} }

settings.server = json.decode(generation.settings)

local declared = {}

-- How a value of each type is checked, and how one looks.
local kinds = {
  text = { "\"any text\"", function(value) return type(value) == "string" end },
  integer = { "30", function(value) return math.type(value) == "integer" end },
  boolean = { "true or false", function(value) return type(value) == "boolean" end },
  duration = { "\"30m\", \"4h\" or \"3d\"", function(value)
    return type(value) == "string" and value:find("^%d+[smhd]$") ~= nil
  end },
  currency = { "\"CNY\"", function(value)
    return type(value) == "string" and value:find("^%u%u%u$") ~= nil
  end },
}

local setting_keys = { type = true, default = true, label = true }

local function check_value(what, kind, value)
  local example, fits = table.unpack(kinds[kind])
  if not fits(value) then
    local shown = type(value) == "string" and ("%q"):format(value) or tostring(value)
    local words = "%s: a value of type %s is needed, such as %s, not %s"
    error(words:format(what, kind, example, shown), 0)
  end
end

-- "there is no setting X; there are …; did you mean Y?"
local function there_is_no(what, name, map)
  local names = {}
  for known in maps.sorted(map) do
    names[#names + 1] = known
  end
  name = tostring(name)
  return ("there is no %s %s; there are %s%s"):format(what, name, table.concat(names, ", "),
    misspelt.hint(name, names))
end

--- Declares a setting.
---@param name string
---@param spec table `type`, `default`, `label`
---@param path string of the manifest
function settings.declare(name, spec, path)
  local what = ("%s: the setting %s"):format(path, tostring(name))
  if type(name) ~= "string" or not name:find("^%l[%l%d_]*$") then
    error(what .. ": a name of lower-case letters, digits and _ is needed", 0)
  elseif declared[name] then
    error(("%s is declared twice, here and in %s"):format(what, declared[name].path), 0)
  elseif type(spec) ~= "table" then
    error(what .. " needs a table { type = …, default = …, label = … }", 0)
  end
  misspelt.check_keys(what .. ": a setting", spec, setting_keys)
  if not kinds[spec.type] then
    error(what .. ": " .. there_is_no("type", spec.type, kinds), 0)
  end
  local label = type(spec.label) == "table" and spec.label or {}
  if type(label.en) ~= "string" or type(label.zh) ~= "string" then
    error(what .. " needs label in both languages", 0)
  end
  check_value(what .. ": default", spec.type, spec.default)
  declared[name] = { type = spec.type, label = spec.label, path = path }
  settings.values[name] = spec.default
end

--- Gives a setting the value that a client pack wants.
---@param path string of the pack's manifest
function settings.set(name, value, path)
  local setting = declared[name]
  if not setting then
    error(path .. ": " .. there_is_no("setting", name, declared), 0)
  end
  check_value(("%s: the setting %s"):format(path, name), setting.type, value)
  settings.values[name] = value
end

--- The value of a setting.
---@param name string
function settings.get(name)
  if not declared[name] then
    error(("%s: mill.setting: %s"):format(
      places.caller() or "?", there_is_no("setting", name, declared)), 0)
  end
  return settings.values[name]
end

settings.declare("base_currency", {
  type = "currency", default = "CNY",
  label = { en = "Currency of sums and comparisons", zh = "汇总与比较所用的货币" },
}, "scripts/settings.lua")

--- The currency in which amounts are compared and summed.
---@return string
function settings.base_currency()
  return settings.values.base_currency
end

return settings
