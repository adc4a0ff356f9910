-- tests/scripts/plugins_test.lua: what plugins find, and what they cannot leave behind.

local plugins = require "plugins"
local sandbox = require "core.sandbox"

-- Runs text as a file of a plugin.
local function as_plugin(text)
  return assert(sandbox.load(text, "@plugins/test/rules.lua", plugins.environment {}))()
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
