-- tests/scripts/kept_test.lua: what scripts/kept.lua finds in a plugin's functions, and what it lets pass.

local kept = require "kept"
local plugins = require "plugins"
local sandbox = require "core.sandbox"

-- The functions of a file that returns what it would declare. The body of `run` stands in line 7.
local function look_at(body, more)
  local text = ([[
local seen, count, deep, last = {}, 0, { a = { 1 } }, nil
local function helper(x)
  seen[x.id] = true
end
local insert, walk = table.insert, ipairs
return { %s run = function(record, ...)
  %s
end, unused = { helper = count and nil, deep = deep and nil, last = last, insert and nil, walk and nil, helper and nil } }]]):format(more or "", body)
  kept.declared(assert(sandbox.load(text, "@plugins/test/rules.lua", plugins.environment {}))())
  kept.finish()
end

test("what is written to a variable or a table from outside is found, by its name and line", function()
  for body, name in pairs {
    ["seen[record.id] = true"] = "seen is changed", ["seen.x = 1"] = "seen is changed", ["seen[1] = 1"] = "seen is changed",
    ["deep.a[1] = 2"] = "deep is changed", ["deep[record.id].x = 2"] = "deep is changed",
    ["local mine = seen mine[1] = 2"] = "seen is changed", ["local a = deep.a local b = a b[2] = 1"] = "deep is changed",
    ["count = count + 1"] = "count is set", ["last = record"] = "last is set", ["total = 1"] = "the global total is set",
    ["local f = function() seen[1] = 1 end f()"] = "seen is changed",
    ["local mine = seen return function() mine[1] = 1 end"] = "seen is changed",
    ["return function() return function() count = 1 end end"] = "count is set",
    ["table.insert(seen, 1)"] = "seen is changed", ["insert(deep.a, 1)"] = "deep is changed", ["return table.remove(seen)"] = "seen is changed",
    ["table.sort(seen)"] = "seen is changed", ["table.move({}, 1, 1, 1, seen)"] = "seen is changed", ["table.move(seen, 1, 2, 3)"] = "seen is changed",
    ["rawset(seen, 1, 1)"] = "seen is changed", ["setmetatable(seen, {})"] = "seen is changed",
    ["for _, one in pairs(deep) do one.x = 1 end"] = "deep is changed", ["for _, one in walk(deep) do one[1] = 1 end"] = "deep is changed",
    ["if record then return 1 elseif ... then seen.x = 1 end"] = "seen is changed",
    ["local env = _ENV env.x = 1"] = "a global is set", ["rawset(_ENV, 'x', 1)"] = "a global is set",
    ["seen.x, record.y = 1, 2"] = "seen is changed",
  } do
    expect(function() look_at(body) end):fails("plugins/test/rules.lua:7: " .. name)
    expect(function() look_at(body) end):fails "mill.cache"
  end
end)

test("a function that a declared one calls is looked at, at its own line", function()
  expect(function() look_at "helper(record)" end):fails "plugins/test/rules.lua:3: seen is changed"
end)

test("a function in a table, and a generator that keeps count, are looked at", function()
  expect(function() look_at("return 1", "list = { { f = function() seen[1] = 1 end } },") end):fails "seen is changed"
  expect(function() look_at("return 1", "next_number = (function() local n = 0 return function() n = n + 1 return n end end)(),") end)
    :fails "n is set"
  expect(function() look_at("return 1", "go = (function() local co = coroutine.create(function() end) return function() return co end end)(),") end)
    :fails "co, a coroutine, goes on"
end)

test("a coroutine that a function resumes is found, also in a table and as coroutine.wrap makes it", function()
  for _, made in ipairs {
    "coroutine.wrap(function() end)", "{ coroutine.create(function() end) }", "{ all = { coroutine.wrap(function() end) } }",
    "setmetatable({}, { __call = coroutine.wrap(function() end) })",
  } do
    local maker = ("go = (function() local co = %s return function() return co end end)(),"):format(made)
    expect(function() look_at("return 1", maker) end):fails "plugins/test/rules.lua:6: co, a coroutine, goes on"
  end
  expect(function() look_at("return 1", "go = coroutine.wrap(function() end),") end):fails "what is declared is a coroutine"
  look_at("for one in coroutine.wrap(function() coroutine.yield(1) end) do record.x = one end")
end)

test("what is a function's own may change, and what is outside may be read", function()
  for _, body in ipairs {
    "local mine = {} mine[record.id] = seen[record.id] mine.x = deep.a[1] return mine",
    "local n = 0 pcall(function() n = n + 1 end) return n + count",
    "local mine = {} for key, value in pairs(deep) do mine[key] = value end table.sort(mine) table.insert(mine, #seen)",
    "record.name = 'x' record.list = {} record.list[1] = deep.a",
    "local mine = deep.a mine = {} mine[1] = 2",
    "local mine = { table.unpack(seen) } mine[1] = 2",
    "table.move(seen, 1, #seen, 1, {})",
    "local list = {} for i = 1, 3 do local one = {} one.x = i list[i] = one end return list",
    "local text = ('x'):rep(3) .. tostring(deep.a[1]) return select('#', ...), text",
    "local _ENV = {} x = 1",
    "goto out do local mine = {} mine[1] = 1 end ::out::",
  } do
    look_at(body)
  end
end)

test("a function that runs only while the file is loaded may build what is read later", function()
  look_at("return seen[1]", "built = (function() seen[1] = 1 count = count + 1 end)(),")
end)
