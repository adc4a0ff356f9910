-- tests/scripts/cache_test.lua: mill.cache: what it makes, keeps, copies and refuses.

local api = require "api"
local context = require "context"
local plugins = require "plugins"
local sandbox = require "core.sandbox"

local number = 0

-- A plugin's file that declares a cache and returns what asks it; `made` counts.
local function new_cache(more, made)
  number = number + 1
  local cache
  api.loading(function()
    local own = api.for_plugin({ name = "test", version = "1.0.0", folder = "plugins/test" }, function() return "" end)
    local text = ('return mill.cache "test.cache%d" { title = { en = "x", zh = "x" }, entries = 4, %s }'):format(number, more)
    cache = assert(sandbox.load(text, "@plugins/test/rules.lua", plugins.environment {
      mill = own, made = made or function() end,
    }))()
  end)
  return cache
end

local function counter()
  local count = { n = 0 }
  return count, function() count.n = count.n + 1 end
end

local function user(login)
  return mill.db.user:find { login = login }
end

test("a value is made once for its key, also when it is nothing or false", function()
  local count, made = counter()
  local cache = new_cache("make = function(key) made() if key == 1 then return nil end return key == 'yes' end", made)

  for _ = 1, 3 do
    expect(cache(1)):is_nil()
    expect(cache "yes"):is(true)
    expect(cache "no"):is(false)
  end

  expect(count.n):is(3)
end)

test("a text and a number that look alike are two keys", function()
  local cache = new_cache "make = function(key) return type(key) end"

  expect(cache(1)):is "number"
  expect(cache "1"):is "string"
  expect(cache(true)):is "boolean"
  expect(cache "true"):is "string"
end)

test("there are never more entries than declared, and what is asked for stays", function()
  local count, made = counter()
  local cache = new_cache("make = function(key) made() return key end", made)

  cache "often"
  for i = 1, 20 do
    cache(i)
    cache "often"
  end

  expect(count.n):is(21)
  cache(1)
  expect(count.n):is(22)
end)

test("whoever changes what he got changes nothing for the next one", function()
  local cache = new_cache "make = function() return { list = { 1, 2 } } end"

  local first = cache(1)
  first.list[1] = 99
  cache(1).list[2] = 99

  expect(cache(1).list):is { 1, 2 }
end)

test("only plain values are kept, and only plain keys asked for", function()
  expect(function() new_cache("make = function() return function() end end")(1) end):fails "keeps plain values, not a function"
  expect(function() new_cache("make = function() return { { print } } end")(1) end):fails "there is no global print"
  expect(function() new_cache("make = function() local t = {} t.t = t return t end")(1) end):fails "at most 20 levels"
  expect(function() new_cache("make = function() return { [{}] = 1 } end")(1) end):fails "keys that are no table"
  expect(function() new_cache("make = function() return 1 end")({}) end):fails "a key is a text, a whole number, true or false, not a table"
  expect(function() new_cache("make = function() return 1 end")(1.5) end):fails "not a float"
  expect(tostring(new_cache("make = function() return { mill.money('1.50', 'CNY'), mill.null } end")(1)[1])):has "1.50"
end)

test("without within, a value follows from the key alone", function()
  for service, call in pairs {
    db = "mill.db.lead:list {}", now = "mill.now()", today = "mill.today()", after = "mill.after '1h'", cause = "mill.cause()",
    decide = "mill.decide('lead.route', {})", assign = "mill.assign('unit:x', {})",
  } do
    local ask = new_cache("make = function() local x = " .. call .. " return x end")
    expect(function() ask(1) end):fails(("plugins/test/rules.lua:1: mill.%s: the cache test.cache%d has no `within`"):format(service, number))
  end
  expect(mill.now() ~= nil):is_true() -- and afterwards all is as before
end)

test("a cache that may not read cannot ask one that may", function()
  local reading = new_cache "within = '1h', make = function() return mill.today() end"
  local outer = new_cache("make = function() return made() end", function() return reading(1) end)

  expect(#reading(1)):is(10)
  expect(function() outer(1) end):fails "mill.cache: the cache"
end)

test("with within, records are read as the running actor, and for nobody else", function()
  local count, made = counter()
  local cache = new_cache("within = '1h', make = function() made() return #mill.db.lead:list { limit = 1000 } end", made)
  local function count_as(login)
    return as(login, function()
      context.current().net = nil
      return cache "leads"
    end)
  end
  mill.db.lead:create { name = "of nobody", stage = "converted" }

  local all, own = count_as "admin", count_as "anna.snelling"
  expect(count_as "admin"):is(all)
  expect(count_as "anna.snelling"):is(own)

  expect(count.n):is(2)
  expect(all > own):is_true()
end)

test("a change of somebody's rights ends what was kept", function()
  local count, made = counter()
  local cache = new_cache("within = '1h', make = function() made() return 1 end", made)
  cache(1)

  mill.db.user:update(user "anna.snelling", { name = "Anna" })
  context.current().net = nil
  cache(1)
  cache(1)

  expect(count.n):is(2)
end)

test("what is made after the unit has changed something is not kept", function()
  local count, made = counter()
  local cache = new_cache("within = '1h', make = function() made() return 1 end", made)

  context.current().net = { list = {} }
  cache(1)
  cache(1)
  context.current().net = nil

  expect(count.n):is(2)
end)

test("what a cache makes cannot change anything", function()
  for _, call in ipairs { "mill.db.lead:create { name = 'x' }", "mill.assign('unit:x', {})", "mill.cause()" } do
    expect(function() new_cache("within = '1h', make = function() return " .. call .. " end")(1) end):fails "only reads"
  end
end)

test("a value whose making fails is made again", function()
  local count, made = counter()
  local cache = new_cache("make = function() made() error 'no luck' end", made)

  for _ = 1, 2 do
    expect(function() cache(1) end):fails "no luck"
  end

  expect(count.n):is(2)
end)

test("a cache that is declared wrongly is told how", function()
  for more, words in pairs {
    ["make = 5"] = "needs make", ["make = function() end, within = 'soon'"] = "within is a duration",
    ["make = function() end, entris = 4"] = "has no property entris; did you mean entries?",
    ["make = function() end, entries = 1"] = "entries is a whole number from 2 to 100000",
    ["make = function() end, title = { en = 'x' }"] = "needs title",
  } do
    expect(function() new_cache(more) end):fails(words)
    expect(function() new_cache(more) end):fails "plugins/test/rules.lua:1: cache test.cache"
  end
end)
