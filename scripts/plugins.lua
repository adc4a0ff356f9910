-- scripts/plugins.lua: loads the plugins and client packs of the generation, in the order of their needs.

local api = require "api"
local generation = require "core.generation"
local kept = require "kept"
local maps = require "maps"
local misspelt = require "misspelt"
local permissions = require "permissions"
local places = require "places"
local sandbox = require "core.sandbox"
local settings = require "settings"

local plugins = { list = {}, by_name = {} }

local order_of_files = { "entities.lua", "decisions/", "rules.lua", "actions.lua", "pages.lua", "access.lua", "import/" }

local manifest_keys = {
  name = true, version = true, api = true, title = true, needs = true, settings = true, permissions = true,
}

-- What only the manifest of a client pack may say.
local pack_keys = { demo_logins = true, seed = true, welcome = true }

kept.know_writers {
  insert = table.insert, remove = table.remove, sort = table.sort, move = table.move, rawset = sandbox.rawset,
  setmetatable = sandbox.setmetatable,
}
rawset(string, "dump", nil) -- methods of texts would give it to plugins

local function read_only(what, values)
  return setmetatable({}, {
    __index = values, __metatable = false,
    __newindex = function()
      error(what .. " cannot be changed", 2)
    end,
    __pairs = function()
      return function(_, name)
        return next(values, name)
      end
    end,
  })
end

-- The Lua that a plugin may use besides `mill`. Nobody can change it, so that nobody keeps anything in it.
local function base_environment()
  local env = {
    assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall, select = select,
    tonumber = tonumber, tostring = tostring, type = type, xpcall = sandbox.xpcall,
    getmetatable = sandbox.getmetatable, setmetatable = sandbox.setmetatable,
    rawequal = rawequal, rawget = rawget, rawlen = rawlen, rawset = sandbox.rawset,
    coroutine = read_only("coroutine", sandbox.coroutine),
  }
  for _, library in ipairs { "string", "table", "math", "utf8" } do
    local functions = {}
    for name, value in pairs(_G[library]) do
      functions[name] = value
    end
    functions.randomseed = nil -- chance is one for all
    env[library] = read_only(library, functions)
  end
  return env
end

-- Globals of plugins are frozen: what must be remembered lies in the store, or in mill.cache.
local function environment(extra)
  local base = base_environment()
  for name, value in pairs(extra) do
    base[name] = value
  end
  setmetatable(base, {
    __index = function(_, name)
      error(("there is no global %s%s"):format(tostring(name), misspelt.hint(name, base)), 2)
    end,
  })
  return setmetatable({}, {
    __index = base,
    __newindex = function(_, name)
      error(("globals are not kept: declare `local %s`; what must be remembered from one request to the next lies in "
        .. "records, or in mill.cache"):format(tostring(name)), 2)
    end,
    __metatable = false,
    of_plugin = true, -- for scripts/kept.lua
  })
end

local function run_file(path, env)
  local chunk, fault = sandbox.load(generation.text(path), "@" .. path, env)
  if not chunk then
    error(fault, 0)
  end
  return chunk()
end

-- Where a property of a manifest stands.
local function place_in(path, ...)
  return tostring(places.item(path .. ":1", ...))
end

local function check_keys(manifest, path, is_pack)
  local known = {}
  for key in pairs(manifest_keys) do
    known[key] = true
  end
  for key in pairs(pack_keys) do
    known[key] = is_pack
    if manifest[key] ~= nil and not is_pack then
      error(("%s: only a client pack has %s"):format(place_in(path, key), key), 0)
    end
  end
  misspelt.check_keys("a manifest", manifest, known, path .. ":1")
end

local function read_manifest(path, folder, is_pack)
  local manifest = run_file(path, environment {})
  if type(manifest) ~= "table" then
    error(path .. ": a manifest returns a table { name = …, version = …, api = 1 }", 0)
  end
  check_keys(manifest, path, is_pack)
  local expected = folder:match("[^/]+$")
  if manifest.name ~= expected then
    error(("%s: name is %s, but the folder is %s"):format(place_in(path, "name"), tostring(manifest.name), expected), 0)
  elseif manifest.api ~= 1 then
    error(("%s: api = %s; this server offers api = 1"):format(place_in(path, "api"), tostring(manifest.api)), 0)
  elseif type(manifest.version) ~= "string" or not manifest.version:find("^%d+%.%d+%.%d+$") then
    error(("%s: version must be such as \"1.2.0\", not %s"):format(place_in(path, "version"), tostring(manifest.version)), 0)
  end
  manifest.granted = permissions.read(manifest, path)
  manifest.folder, manifest.path = folder, path
  return manifest
end

local function version_parts(text)
  local major, minor, patch = text:match("^(%d+)%.?(%d*)%.?(%d*)$")
  return tonumber(major), tonumber(minor) or 0, tonumber(patch) or 0
end

-- "^1.2": the same major version, and at least that (semver.org).
local function fits(version, wanted)
  local major, minor, patch = version_parts(version)
  local want_major, want_minor, want_patch = version_parts(wanted:match("^%^?(.*)$"))
  if not want_major then
    return nil
  end
  return major == want_major and (minor > want_minor or minor == want_minor and patch >= want_patch)
end

-- `plugins_found` is a list that also has its plugins by name.
local function names_of(plugins_found)
  local names = {}
  for i, plugin in ipairs(plugins_found) do
    names[i] = plugin.name
  end
  return names
end

-- Depth first over the needs; a cycle is named link by link.
local function sort_by_needs(found)
  local sorted, state = {}, {}
  local function visit(plugin, chain)
    if state[plugin.name] == "done" then
      return
    elseif state[plugin.name] == "open" then
      error(("%s: the needs go in a circle: %s -> %s"):format(plugin.path, table.concat(chain, " -> "), plugin.name), 0)
    end
    state[plugin.name] = "open"
    chain[#chain + 1] = plugin.name
    local needs = {}
    for name in pairs(plugin.needs or {}) do
      needs[#needs + 1] = name
    end
    table.sort(needs)
    for _, name in ipairs(needs) do
      local other = found[name]
      if not other then
        error(("%s: it needs the plugin %s, which is missing%s"):format(
          place_in(plugin.path, "needs", name), name, misspelt.hint(name, names_of(found))), 0)
      end
      local good = fits(other.version, plugin.needs[name])
      if not good then
        error(("%s: it needs %s %s, and there is %s"):format(place_in(plugin.path, "needs", name), name, plugin.needs[name], other.version), 0)
      end
      visit(other, chain)
    end
    chain[#chain] = nil
    state[plugin.name] = "done"
    sorted[#sorted + 1] = plugin
  end
  for _, plugin in ipairs(found) do
    visit(plugin, {})
  end
  return sorted
end

local function files_of(plugin)
  local files = {}
  for _, place in ipairs(order_of_files) do
    if place:sub(-1) == "/" then
      for _, path in ipairs(generation.files(plugin.folder .. "/" .. place)) do
        if path:find("%.lua$") then
          files[#files + 1] = path
        end
      end
    elseif generation.text(plugin.folder .. "/" .. place) then
      files[#files + 1] = plugin.folder .. "/" .. place
    end
  end
  return files
end

local function load_plugin(plugin)
  local path
  plugin.mill = api.for_plugin(plugin, function()
    return generation.text(path)
  end)
  plugin.env = environment { mill = plugin.mill }
  for _, file in ipairs(files_of(plugin)) do
    path = file
    run_file(file, plugin.env)
  end
end

local function find(folder, manifest, is_pack)
  local path = folder .. "/" .. manifest
  if not generation.text(path) then
    error(("%s: there is no such plugin (no file %s)"):format(folder, path), 0)
  end
  return read_manifest(path, folder, is_pack)
end

-- Plugins declare settings; packs set them, and declare further ones of their own. Of several packs
-- the last prevails.
local function take_settings(found)
  for _, plugin in ipairs(found) do
    local given = plugin.settings or {}
    if type(given) ~= "table" then
      error(plugin.path .. ": settings is a table by name", 0)
    end
    for name, value in maps.sorted(given) do
      local declares = not plugin.is_pack or type(value) == "table"
      local take = declares and settings.declare or settings.set
      take(name, value, place_in(plugin.path, "settings", name))
    end
  end
end

--- Loads what the server's settings name: plugins, then client packs.
function plugins.load()
  local found = {}
  local function add(plugin)
    if found[plugin.name] then
      error(("%s and %s have the same name"):format(found[plugin.name].path, plugin.path), 0)
    end
    found[#found + 1] = plugin
    found[plugin.name] = plugin
  end
  for _, name in ipairs(settings.server.plugins) do
    add(find("plugins/" .. name, "plugin.lua"))
  end
  for _, name in ipairs(settings.server.clients) do
    local pack = find("config/clients/" .. name, "pack.lua", true)
    pack.is_pack = true
    add(pack)
  end
  take_settings(found)
  plugins.list, plugins.by_name = sort_by_needs(found), found
  for _, pass in ipairs { false, true } do
    for _, plugin in ipairs(plugins.list) do
      if (plugin.is_pack or false) == pass then
        load_plugin(plugin)
      end
    end
  end
end

plugins.environment, plugins.run_file = environment, run_file

return plugins
