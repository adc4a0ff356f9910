-- scripts/cache.lua: mill.cache, the one place where a plugin may keep something from one request to the next.
--
-- A cache never holds what could not be made again: it has a function that makes the value of a key, and asking it gives the
-- value, made now or before. So a request gets the same from a new Lua state as from one that has served for days:
--
--   * without `within`, the value follows from the key alone: while it is made, nothing else can be asked;
--   * with it, the value may also be read from records, as the running actor. It is kept for that actor only, for at most that
--     long, and not beyond a change of rights. What is made after the unit of work has changed something, or in a group of
--     units that is lost, is not kept.
--
-- Values are plain, and copied in and out, so that nobody changes what the next one gets. A cache belongs to a Lua state, and
-- so to one tenant; a new generation begins with empty ones.

local clock = require "core.clock"
local context = require "context"
local duration = require "duration"
local json = require "core.json"
local misspelt = require "misspelt"
local places = require "places"
local store = require "core.store"

local cache = { by_name = {} }

local cache_keys = { title = true, entries = true, within = true, make = true }

local MOST_ENTRIES, DEEPEST = 100000, 20

local NOTHING = {} -- stands for nil

local function wrong(format, ...)
  error(("%s: %s"):format(places.caller() or "?", format:format(...)), 0)
end

--- Raises an error when a value of a cache is being made that may not depend on a service.
---@param service string "db", "now" …
---@param changes boolean|nil it does more than read
function cache.check_service(service, changes)
  local making = context.current().making
  if making and not making.within then
    wrong("mill.%s: the cache %s has no `within`, so what it makes follows from its key alone", service, making.name)
  elseif making and changes then
    wrong("mill.%s: what the cache %s makes only reads", service, making.name)
  end
end

-- A copy without anything that could be changed by somebody else.
local function copy_of(self, value, depth)
  local kind = type(value)
  if kind == "function" or kind == "thread" or kind == "userdata" and value ~= json.null and not tostring(value):find "^%-?%d" then
    wrong("the cache %s keeps plain values, not a %s", self.name, kind)
  elseif kind ~= "table" then
    return value
  elseif depth > DEEPEST then
    wrong("the cache %s keeps tables of at most %d levels", self.name, DEEPEST)
  end
  local copy = {}
  for key, inner in next, value do
    if type(key) ~= "string" and type(key) ~= "number" and type(key) ~= "boolean" then
      wrong("the cache %s keeps plain values, with keys that are no %s", self.name, type(key))
    end
    copy[key] = copy_of(self, inner, depth + 1)
  end
  return copy
end

-- Of two halves the older one goes when the younger is full; what is asked for comes to the younger.
local function put(self, key, entry)
  if self.young[key] == nil then
    if self.count >= self.half then
      self.old, self.young, self.count = self.young, {}, 0
    end
    self.count = self.count + 1
  end
  self.old[key] = nil
  self.young[key] = entry
end

local function find(self, key)
  local entry = self.young[key] or self.old[key]
  if entry and entry.until_ns and entry.until_ns <= clock.mono() then
    return nil
  elseif entry and not self.young[key] then
    put(self, key, entry)
  end
  return entry
end

-- Who asks, and since when everybody has had the same rights.
local function owner(self)
  if not self.within then
    return ""
  end
  local actor = context.current().actor
  return ("%s %d "):format(actor and (actor.user or "system") or "nobody", store.epoch())
end

local function make(self, key)
  local ctx = context.current()
  local outer = ctx.making
  ctx.making = self
  local results = table.pack(pcall(self.make, key))
  ctx.making = outer
  if not results[1] then
    error(results[2], 0)
  end
  return copy_of(self, results[2], 1)
end

local function get(self, key)
  local kind = math.type(key) or type(key)
  if kind ~= "string" and kind ~= "integer" and kind ~= "boolean" then
    wrong("the cache %s: a key is a text, a whole number, true or false, not a %s", self.name, kind)
  elseif self.within then
    cache.check_service "cache"
  end
  local whole = owner(self) .. kind .. " " .. tostring(key)
  local entry = find(self, whole)
  if entry then
    if entry.value == NOTHING then
      return nil
    end
    return copy_of(self, entry.value, 1)
  end
  local value = make(self, key)
  if not self.within or not context.current().net then
    put(self, whole, { value = value == nil and NOTHING or copy_of(self, value, 1),
      until_ns = self.within and clock.mono() + self.within * 1000000 })
  end
  return value
end

local function check(name, spec, where)
  misspelt.check_keys("cache " .. tostring(name), spec, cache_keys, where)
  if type(name) ~= "string" or cache.by_name[name] then
    error(type(name) == "string" and ("cache %s is declared twice: here and at %s"):format(name, cache.by_name[name].where)
      or "mill.cache: a name is needed, such as \"NAME.rates\"", 0)
  elseif type(spec.title) ~= "table" or type(spec.title.en) ~= "string" or type(spec.title.zh) ~= "string" then
    error(("cache %s needs title, what it holds, in both languages"):format(name), 0)
  elseif math.type(spec.entries) ~= "integer" or spec.entries < 2 or spec.entries > MOST_ENTRIES then
    error(("cache %s: entries is a whole number from 2 to %d"):format(name, MOST_ENTRIES), 0)
  elseif type(spec.make) ~= "function" then
    error(("cache %s needs make, a function from a key to its value"):format(name), 0)
  elseif spec.within ~= nil and not duration.parse(spec.within) then
    error(("cache %s: within is a duration such as \"30s\", \"10m\" or \"4h\""):format(name), 0)
  end
end

--- Declares a cache and returns what asks it: `rates("CNY")`.
---@param name string
---@param spec table `title`, `entries`, `make(key)`, `within`
---@param where string file and line of the declaration
---@return fun(key: string|integer|boolean): any
function cache.declare(name, spec, where)
  check(name, spec, where)
  local self = {
    name = name, where = where, make = spec.make, within = spec.within and duration.parse(spec.within),
    half = spec.entries // 2, young = {}, old = {}, count = 0,
  }
  cache.by_name[name] = self
  return function(key)
    return get(self, key)
  end
end

return cache
