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
  expect(function() as_plugin "table.insert(math, 1)" end):fails "a plain table is needed"
  expect(as_plugin "return string.mine == nil and type(string.rep) == 'function'"):is_true()
end)

test("a plugin sees the whole of a library", function()
  expect(as_plugin "local n = 0 for _ in pairs(table) do n = n + 1 end return n"):is(7)
end)

test("a plugin neither seeds chance nor writes functions out as bytes", function()
  expect(as_plugin "return type(math.random) .. type(math.randomseed)"):is "functionnil"
  expect(as_plugin "return type(string.dump) .. type((('').dump))"):is "nilnil"
end)

local declarations = { "entity", "extend", "lifecycle", "access", "rule", "decision", "action", "page", "mapping", "cache" }

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

local function new_leads()
  local made = { mill.db.lead:create { name = "a, b", stage = "converted", score = 1 } }
  made[2] = mill.db.lead:create { name = "b", stage = "converted", score = 2, product = mill.db.product:find {} }
  made[3] = mill.db.lead:create { name = "c", stage = "converted", score = 3, product = mill.db.product:find {} }
  return made
end

local function names(where)
  local found = {}
  for i, lead in ipairs(mill.db.lead:list { where = where, sort = "name" }) do
    found[i] = lead.name
  end
  return table.concat(found, "; ")
end

test("where takes lists, null, records, numbers and amounts", function()
  new_leads()
  local product = mill.db.product:find { name = "GTX Pro" }

  expect(names { ["score.in"] = { 1, 3 } }):is "a, b; c"
  expect(names { ["score.in"] = "1,3" }):is "a, b; c"
  expect(names { ["name.in"] = { "a, b", "c" } }):is "a, b; c"
  expect(names { ["score.in"] = {} }):is ""
  expect(names { product = mill.null, ["score.gt"] = 0 }):is "a, b"
  expect(names { ["product.ne"] = mill.null }):is "b; c"
  expect(names { ["product.null"] = true, ["score.ge"] = 1 }):is "a, b"
  expect(names { ["product.in"] = { mill.db.product:find {} } }):is "b; c"
  expect(names { ["name.has"] = "," }):is "a, b"
  expect(mill.db.product:find({ list_price = product.list_price }).id):is(product.id)
end)

test("a bad where is an error that names the plugin's line, and no problem of the caller", function()
  local wrong = {
    ["{ where = { colour = 1 } }"] = "colour: there is no field or option colour",
    ["{ where = { ['score.has'] = 1 } }"] = "score.has: there is no operator",
    ["{ where = { score = 'x' } }"] = "score: a whole number",
    ["{ where = { score = { 1 } } }"] = "where score: a value, a record",
    ["{ where = { ['score.in'] = { {} } } }"] = "where score.in: a value, a record",
    ["{ where = { ['score.ge'] = mill.null } }"] = "where score.ge: a value, a record",
    ["{ where = 5 }"] = "where must be a table",
    ["{ sort = 'colour' }"] = "sort: cannot sort by colour",
    ["{ sort = 5 }"] = "sort must be a text",
    ["{ limit = '5' }"] = "limit must be a whole number",
  }
  for question, words in pairs(wrong) do
    expect(function() as_plugin("local x = mill.db.lead:list " .. question .. " return x", new_mill()) end)
      :fails("plugins/test/rules.lua:1: mill.db.lead:list: " .. words)
  end
  expect(function() as_plugin("\nlocal x = mill.db.lead:find { colour = 1 } return x", new_mill()) end)
    :fails "plugins/test/rules.lua:2: mill.db.lead:find: colour: there is no field"
end)

local function user(login)
  return mill.db.user:find { login = login }
end

-- Runs text as an action of a plugin would run, for a caller.
local function as_action(login, text, plugin)
  local own = api.for_plugin(plugin or { name = "test", version = "1.0.0", folder = "plugins/test" }, function() return "" end)
  return as(login, function() return as_plugin(text, own) end)
end

local elevated = { name = "test", version = "1.0.0", folder = "plugins/test",
  granted = { elevate = true } }

test("mill.db:as narrows what the system sees and does to the rights of a user", function()
  local anna, lead = user "anna.snelling", mill.db.lead:create { name = "x", region = "east", score = 85 }

  for _, given in ipairs { anna, anna.id } do
    local hers = mill.db:as(given)
    expect(hers.lead:get(lead.id)):is_nil()
    expect(hers.unit:find({ code = "central" }).kind):is_nil()
    expect(function() hers.product:update(hers.product:find {}, { name = "y" }) end):fails(403)
  end
  expect(mill.db.lead:get(lead.id).name):is "x"
  expect(mill.db:as("system").lead:get(lead.id).name):is "x"
end)

test("an action acts as its caller, and as another only with the permission to elevate", function()
  local hq = user("hq").id
  local own, other = user("anna.snelling").id, ("local db = mill.db:as('%s') return #db.unit:list { where = { kind = 'region' } }"):format(hq)

  expect(as_action("anna.snelling", ("return mill.db:as('%s').user:get('%s').name"):format(own, own))):is "Anna Snelling"
  expect(function() as_action("anna.snelling", other) end):fails "plugins/test/rules.lua:1: mill.db:as: only the system"
  expect(function() as_action("anna.snelling", "local x = mill.db:as('system').unit:find {} return x") end)
    :fails 'the plugin test has not the permission "elevate"; it would stand in its manifest: permissions = { "elevate" },'
  expect(as_action("anna.snelling", other, elevated)):is(3)
  expect(as_action("anna.snelling", "return mill.db:as('system').unit:find({ code = 'west' }).kind", elevated)):is "region"
end)

test("what a rule got from mill.db:as does not lend its rights to an action", function()
  local own = new_mill()
  local kept = own.db:as "system"

  expect(kept.unit:find({ code = "west" }).kind):is "region"
  as("anna.snelling", function()
    expect(function() kept.unit:find {} end):fails "elevate"
  end)
end)

test("mill.db:as takes users that there are, and nothing else", function()
  for _, who in ipairs { "anna.snelling", 5, mill.db.unit:find {}, {} } do
    expect(function() return mill.db:as(who) end):fails "a user's record or id"
  end
  expect(function() return mill.db:as(mill.db.unit:find({}).id).lead:find {} end):fails "there is no such user"
  mill.db.user:archive(user "hq")
  local gone = mill.db.user:find { login = "hq", ["archived_at.null"] = false }
  expect(function() return mill.db:as(gone).lead:find {} end):fails "there is no such user"
end)
