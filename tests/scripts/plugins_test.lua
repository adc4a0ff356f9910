-- tests/scripts/plugins_test.lua: what plugins find, and what they cannot leave behind.

local api = require "api"
local plugins = require "plugins"
local policies = require "access.policies"
local sandbox = require "core.sandbox"

-- Runs text as a file of a plugin.
local function as_plugin(text, mill)
  return assert(sandbox.load(text, "@plugins/test/rules.lua", plugins.environment { mill = mill }))()
end

-- What a plugin gets, while a generation is loaded or, as in every test, after it.
local function new_mill()
  return api.for_plugin({ name = "test", version = "1.0.0", folder = "plugins/test" }, function() return "" end)
end

test("a plugin cannot keep anything in a library", function()
  for _, text in ipairs {
    "string.mine = 1", "utf8.char = nil", "table.concat = nil", "string = {}",
  } do
    expect(function() as_plugin(text) end):fails "plugins/test/rules.lua:1:"
  end
  expect(function() as_plugin "table.insert(math, 1)" end):fails "math cannot be changed"
  expect(as_plugin "return string.mine == nil and type(string.rep) == 'function'"):is_true()
end)

test("a plugin sees the whole of a library", function()
  expect(as_plugin "local n = 0 for _ in pairs(table) do n = n + 1 end return n"):is(7)
end)

test("a plugin neither seeds chance nor writes functions out as bytes", function()
  expect(as_plugin "return type(math.random) .. type(math.randomseed)"):is "functionnil"
  expect(as_plugin "return type(string.dump) .. type((('').dump))"):is "nilnil"
end)

local declarations = { "entity", "extend", "lifecycle", "access", "rule", "decision", "action", "page", "mapping" }

test("nothing can be declared after the loading", function()
  for _, name in ipairs(declarations) do
    expect(function() as_plugin("mill." .. name .. " 'user' {}", new_mill()) end)
      :fails("plugins/test/rules.lua:1: mill." .. name .. " is a declaration")
  end
end)

test("a declaration that was begun while loading cannot be ended later", function()
  local kept = {}
  api.loading(function()
    for _, name in ipairs(declarations) do
      kept[name] = new_mill()[name] "user"
    end
  end)
  local grants = #policies.grants.user

  for _, name in ipairs(declarations) do
    expect(function() kept[name] { { role = "agent", allow = "all" } } end):fails("mill." .. name .. " is a declaration")
  end
  expect(#policies.grants.user):is(grants)
end)

test("what needs a unit of work is refused while a file is loaded, at the file's line", function()
  api.loading(function()
    for name, call in pairs {
      db = "mill.db.lead:find {}", decide = "mill.decide('lead.route', {})", assign = "mill.assign('unit:x')", now = "mill.now()",
      after = "mill.after '4h'", today = "mill.today()", cause = "mill.cause()",
    } do
      expect(function() as_plugin("\n" .. call, new_mill()) end):fails("plugins/test/rules.lua:2: mill." .. name .. " is for")
    end
    expect(as_plugin("local leads = mill.db.lead return leads ~= nil", new_mill())):is_true()
  end)
end)

test("a problem that is made wrongly is told with its line", function()
  for _, spec in ipairs { "{ message = 'no' }", "{ message = { en = 'no', zh = '不' }, status = 200 }" } do
    expect(function() as_plugin("local made = mill.problem " .. spec .. " return made", new_mill()) end)
      :fails "plugins/test/rules.lua:1: mill.problem"
  end
end)
