-- tests/scripts/permissions_test.lua: what manifests ask for, and what services are told.

local permissions = require "permissions"

local path = "plugins/erp/plugin.lua"

local function plugin(asked)
  return { name = "erp", path = path, granted = permissions.read({ permissions = asked }, path) }
end

test("what a manifest asks for is granted, and nothing else", function()
  local erp = plugin { "mail", net = { "erp.example.com", "api.example.com" } }

  expect(permissions.has(erp, "mail")):is(true)
  expect(permissions.has(erp, "net", "erp.example.com")):is(true)
  expect(permissions.has(erp, "net", "example.com")):is(false)
  expect(permissions.has(erp, "net")):is(false)
  for _, name in ipairs { "elevate", "files", "sql", "fly" } do
    expect(permissions.has(erp, name)):is(false)
  end
  expect(permissions.has({ name = "none" }, "mail")):is(false)
end)

test("a service that is refused says to whom, what for, and which line is missing", function()
  local erp = plugin { "mail", net = { "erp.example.com" } }
  local place = "plugins/erp/actions.lua:7"

  expect(function() permissions.need(erp, "net", place, "mill.http", "other.example.com") end):fails(place
    .. ': mill.http: the plugin erp has not the permission "net" for other.example.com; it would stand in ' .. path
    .. ': permissions = { "mail", net = { "erp.example.com", "other.example.com" } },')
  expect(function() permissions.need(erp, "files", place, "mill.files") end):fails(
    'permissions = { "mail", "files", net = { "erp.example.com" } },')
  permissions.need(erp, "net", place, "mill.http", "erp.example.com")
  permissions.need(erp, "mail", place, "mill.mail")
  expect(erp.granted.net[2]):is_nil()
end)

test("a manifest that asks wrongly is told how", function()
  local wrong = {
    { "all", "permissions is a list" }, { { "fly" }, "there is no permission fly; there are: elevate, files, mail, net, sql" },
    { { "net" }, 'net names its hosts: net = { "erp.example.com" }' }, { { net = {} }, "net names its hosts" },
    { { net = { "HTTP://x" } }, "HTTP://x is no name of a host" }, { { mail = true }, 'mail stands in the list as it is: { "mail" }' },
    { { 5 }, "there is no permission 5" }, { { net = true }, "net names its hosts" },
  }

  for _, case in ipairs(wrong) do
    expect(function() plugin(case[1]) end):fails(path .. ":1: ")
    expect(function() plugin(case[1]) end):fails(case[2])
  end
end)

test("whoever installs a plugin reads what it asks for, in both languages", function()
  local erp = plugin { "sql", net = { "b.example.com", "a.example.com" } }

  expect(table.concat(permissions.words(erp, "en"), "; ")):is "net: reaches a.example.com, b.example.com; sql: asks the database in SQL"
  expect(permissions.words(erp, "zh")[1]):is "net: 访问 a.example.com, b.example.com"
  expect(#permissions.words(plugin(nil), "en")):is(0)
end)
