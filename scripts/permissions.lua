-- scripts/permissions.lua: what a plugin may do beyond the rest, as its manifest asks for it and whoever
-- installs it reads it.
--
--   permissions = { "elevate", "mail", net = { "erp.example.com" } }
--
-- A service that needs one calls `permissions.need` before it does anything, and nothing else asks.

local i18n = require "i18n"
local maps = require "maps"
local misspelt = require "misspelt"
local places = require "places"

local permissions = {}

-- Which there are; of each, whether it names what it is for.
local known = { elevate = "all", files = "all", mail = "all", net = "named", sql = "all" }

local function names()
  local list = {}
  for name in maps.sorted(known) do
    list[#list + 1] = name
  end
  return table.concat(list, ", ")
end

-- `path` is the manifest's; what follows it is where in it.
local function place_in(path, ...)
  return tostring(places.item(path .. ":1", "permissions", ...))
end

local function mistake(path, key, format, ...)
  error(("%s: permissions: %s"):format(place_in(path, key), format:format(...)), 0)
end

local function check_hosts(path, hosts)
  local list = {}
  for i, host in ipairs(type(hosts) == "table" and hosts or {}) do
    if type(host) ~= "string" or not host:find("^[%l%d][%l%d.-]*$") then
      mistake(path, "net", "net: %s is no name of a host, such as erp.example.com", tostring(host))
    end
    list[i] = host
  end
  if #list == 0 then
    mistake(path, "net", "net names its hosts: net = { \"erp.example.com\" }")
  end
  table.sort(list)
  return list
end

local function name_of(path, key, value)
  local name = math.type(key) == "integer" and value or key
  local kind = known[name]
  if not kind then
    error(("%s: there is no permission %s; there are: %s%s"):format(place_in(path, key), tostring(name), names(),
      misspelt.hint(name, known)), 0)
  elseif kind == "named" then
    return name, check_hosts(path, name ~= value and value)
  elseif name ~= value then
    mistake(path, key, "%s stands in the list as it is: { \"%s\" }", name, name)
  end
  return name, true
end

--- What a manifest asks for: by name true, or the list of what it is for.
---@param manifest table
---@param path string of the manifest
---@return table
function permissions.read(manifest, path)
  local granted = {}
  if type(manifest.permissions or {}) ~= "table" then
    error(place_in(path) .. ": permissions is a list, such as { \"elevate\" }", 0)
  end
  for key, value in pairs(manifest.permissions or {}) do
    local name, of = name_of(path, key, value)
    granted[name] = of
  end
  return granted
end

--- Whether a plugin may.
---@param plugin table
---@param name string
---@param of string|nil for what: with `net`, which host
---@return boolean
function permissions.has(plugin, name, of)
  local granted = plugin.granted and plugin.granted[name]
  if type(granted) ~= "table" then
    return granted or false
  end
  for _, one in ipairs(granted) do
    if one == of then
      return true
    end
  end
  return false
end

-- The line that the manifest lacks.
local function line_for(plugin, name, of)
  local parts, hosts = {}, {}
  for other, granted in maps.sorted(plugin.granted or {}) do
    if granted == true then
      parts[#parts + 1] = ("%q"):format(other)
    else
      hosts = { table.unpack(granted) }
    end
  end
  if known[name] == "named" then
    hosts[#hosts + 1] = of
  else
    parts[#parts + 1] = ("%q"):format(name)
  end
  for i, host in ipairs(hosts) do
    hosts[i] = ("%q"):format(host)
  end
  parts[#parts + 1] = #hosts > 0 and ("net = { %s }"):format(table.concat(hosts, ", ")) or nil
  return ("permissions = { %s },"):format(table.concat(parts, ", "))
end

--- Raises unless the plugin may: names the place, the service, the plugin, and the line that its manifest lacks.
---@param plugin table
---@param name string
---@param where string of the call
---@param service string such as "mill.db:as"
---@param of string|nil
function permissions.need(plugin, name, where, service, of)
  if not permissions.has(plugin, name, of) then
    error(('%s: %s: the plugin %s has not the permission "%s"%s; it would stand in %s: %s'):format(
      where, service, plugin.name, name, of and " for " .. of or "", plugin.path or "its manifest",
      line_for(plugin, name, of)), 0)
  end
end

--- What a plugin may, in words for whoever installs it; empty when it asks for nothing.
---@param plugin table
---@param language string
---@return string[]
function permissions.words(plugin, language)
  local list = {}
  for name, granted in maps.sorted(plugin.granted or {}) do
    local hosts = type(granted) == "table" and table.concat(granted, ", ") or nil
    local words = i18n.say(i18n.text("permission." .. name, { hosts = hosts }), language)
    list[#list + 1] = ("%s: %s"):format(name, words)
  end
  return list
end

return permissions
