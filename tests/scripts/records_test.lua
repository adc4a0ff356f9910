-- tests/scripts/records_test.lua: validation, the change log, policies and queries of the framework.

local actors = require "people.actor"
local context = require "context"
local id = require "core.id"
local policies = require "access.policies"
local records = require "entities.records"
local registry = require "entities.registry"
local rules = require "rules"
local store = require "core.store"

local function faults_of(answer)
  local found = {}
  for _, fault in ipairs(answer.body.errors or {}) do
    found[fault.field or ""] = fault.code
  end
  return found
end

test("all faults of a body are listed at once", function()
  local answer = request("admin", "POST", "/api/v1/lead", { score = 101, email = "no", colour = "red", product = "nothing" })
  expect(answer.status):is(422)
  expect(faults_of(answer)):is { name = "required", score = "max", email = "email", colour = "unknown", product = "reference" }
end)

test("each change is one row of the log with old and new values", function()
  local before = store.position()
  local contact = mill.db.contact:create { name = "Li Wei" }
  mill.db.contact:update(contact, { phone = "+86 10 5555" })
  mill.db.contact:update(contact, { phone = "+86 10 5555" })
  expect(store.position() - before):is(2)
end)

test("a value that is the same changes nothing", function()
  local contact = mill.db.contact:create { name = "Li Wei" }
  local same = mill.db.contact:update(contact, { name = "Li Wei" })
  expect(same.version):is(1)
end)

test("money is exact and compares as a value", function()
  local product = mill.db.product:create { name = "Exact", list_price = mill.money("0.10", "USD") }
  local sum = product.list_price + mill.money("0.20", "USD")
  expect(sum == mill.money("0.30", "USD")):is_true()
  expect(tostring(sum)):is "0.30"
  expect(function() return sum < 1 end):fails()
end)

test("money in a currency without a rate is refused with the base currency", function()
  local answer = request("admin", "POST", "/api/v1/product", { name = "Euro", list_price = { amount = "1.00", currency = "EUR" } })
  expect(answer.status):is(422)
  expect(answer.body.errors[1].message):has "USD"
end)

test("a unique value that is there already is a conflict that names the field", function()
  local answer = request("admin", "POST", "/api/v1/user", { login = "anna.snelling", name = "Another" })
  expect(answer.status):is(409)
  expect(faults_of(answer)):is { login = "not_unique" }
end)

test("a password is neither read out nor logged", function()
  local ctx = context.current()
  ctx.cause = { kind = "test" }
  local user = mill.db.user:find { login = "admin" }
  expect(user.password):is_nil()
  expect(request("admin", "GET", "/api/v1/user/" .. user.id).body.data.password):is_nil()
  expect(request("admin", "GET", "/api/v1/user?password.has=argon").status):is(400)
  expect(request("admin", "GET", "/api/v1/user?sort=password").status):is(400)
end)

test("branches of several grants are disjoint", function()
  local lead = registry.get "lead"
  local harbor = id.open(mill.db.unit:find({ code = "harbor" }).id)
  local branch = id.open(mill.db.unit:find({ code = "central-brinkmann" }).id)
  local branches = policies.branches(lead, "read", actors.new({ user = 1 }, {
    { position = 5, unit = harbor, role = "agent" }, { position = 6, unit = harbor, role = "agent" },
    { position = 9, unit = harbor, role = "manager" }, { position = 10, unit = branch, role = "manager" },
  }))
  expect(#branches):is(4)
  expect(#branches[1].except):is(0)
  expect(branches[3].column ~= branches[1].column):is_true()
  expect(branches[3].except[1].column):is(branches[1].column)
end)

test("an actor without a role sees nothing and may do nothing", function()
  local nobody = actors.new({ user = 1 }, {})
  for _, entity in ipairs(registry.list) do
    for _, action in ipairs { "read", "create", "update", "archive" } do
      expect(policies.any(entity, action, nobody)):is(false)
      expect(#policies.branches(entity, action, nobody)):is(0)
    end
  end
end)

test("a field that is hidden from an actor is unknown in filter, sort, fields, sum and body", function()
  local unknown = request("anna.snelling", "GET", "/api/v1/unit?nothing=x")
  for _, query in ipairs { "?kind=branch", "?sort=kind", "?fields=kind", "?expand=parent" } do
    expect(request("anna.snelling", "GET", "/api/v1/unit" .. query).status):is(400)
  end
  expect(request("anna.snelling", "GET", "/api/v1/unit/summary?by=kind&count").status):is(400)
  local hidden = request("anna.snelling", "GET", "/api/v1/unit?kind=branch")
  expect((hidden.text:gsub("kind", "nothing"))):is(unknown.text)
end)

test("archiving hides from lists and keeps the record", function()
  local contact = mill.db.contact:create { name = "Gone" }
  expect(request("admin", "DELETE", "/api/v1/contact/" .. contact.id).status):is(200)
  expect(#request("admin", "GET", "/api/v1/contact?name=Gone").body.data):is(0)
  expect(#request("admin", "GET", "/api/v1/contact?name=Gone&archived_at.null=false").body.data):is(1)
  expect(request("admin", "GET", "/api/v1/contact/" .. contact.id).status):is(200)
  expect(request("admin", "PATCH", "/api/v1/contact/" .. contact.id, { name = "Back" }).status):is(409)
end)

test("the state changes by moves only, and only from the states that a move names", function()
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85 }
  expect(request("admin", "PATCH", "/api/v1/lead/" .. lead.id, { stage = "converted" }).status):is(422)
  expect(request("admin", "POST", "/api/v1/lead/" .. lead.id .. "/convert").status):is(409)
  expect(request("admin", "POST", "/api/v1/lead/" .. lead.id .. "/accept").status):is(200)
  expect(request("admin", "POST", "/api/v1/lead/" .. lead.id .. "/convert", { name = "y" }).status):is(422)
end)

test("a record always has a state, also when it is created with none", function()
  local answer = request("admin", "POST", "/api/v1/opportunity", { number = "T-1", stage = null })

  expect(answer.status):is(201)
  expect(answer.body.data.stage):is "prospecting"
end)

test("a record from before its lifecycle is told to have no state", function()
  local lead = mill.db.lead:create { name = "x", stage = "accepted" }
  context.current().cause = { kind = "import" }
  mill.db.lead:update(lead, { stage = null })

  local answer = request("admin", "POST", "/api/v1/lead/" .. lead.id .. "/convert")

  expect(answer.status):is(409)
  expect(answer.body.detail):is "convert is possible from accepted, not from no state"
end)

test("Chinese names, filters and messages work", function()
  mill.db.customer:create { name = "北京潮汐科技有限公司" }
  local found = request("admin", "GET", "/api/v1/customer?name.has=%E6%BD%AE%E6%B1%90").body.data
  expect(#found):is(1)
  local answer = request("admin", "POST", "/api/v1/customer", {}, { ["accept-language"] = "zh-CN,zh;q=0.9" })
  expect(answer.body.title):is "部分内容不正确"
end)

-- What a plugin does to a record that it got changes nobody else's.
test("no record that a plugin gets is the one that the framework keeps", function()
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85, owner = mill.null }
  local handed = {
    get = function() return mill.db.lead:get(lead.id) end,
    find = function() return mill.db.lead:find { name = "x" } end,
    list = function() return mill.db.lead:list({ where = { name = "x" } })[1] end,
    update = function() return mill.db.lead:update(lead.id, { company = "y" }) end,
    ["update that changes nothing"] = function() return mill.db.lead:update(
      lead.id, { company = "y" }) end,
    move = function() return mill.db.lead:move(lead.id, "accept") end,
    archive = function() return mill.db.lead:archive(lead.id) end,
  }

  for _, name in ipairs { "get", "find", "list", "update", "update that changes nothing", "move",
    "archive" } do
    local got = handed[name]()
    got.name, got.extra = "spoilt", 1
    local again = records.load(registry.get "lead", id.open(lead.id))
    expect({ name, again.name, again.extra }):is { name, "x", nil }
  end
end)

test("what assign gives is a copy", function()
  local seat = mill.assign("position:anna.snelling", nil)
  seat.name = "spoilt"

  expect(mill.assign("position:anna.snelling", nil).name == "spoilt"):is(false)
end)

test("what create gives, and what rules and actions get, are copies", function()
  local entity = registry.get "contact"
  local created = mill.db.contact:create { name = "x" }
  created.name = "spoilt"
  expect(records.load(entity, id.open(created.id)).name):is "x"

  local loaded = records.load(entity, id.open(created.id))
  context.current().net = nil
  local seen = {}
  local saved = { rules.list, rules.by_name, rules.invariants, rules.reactions }
  rules.list, rules.by_name, rules.invariants, rules.reactions = {}, {}, {}, {}
  for i = 1, 2 do
    rules.declare("test.rule" .. i, {
      title = { en = "x", zh = "x" }, on = "contact.changed",
      run = function(contact, before)
        seen[i] = { contact.name, before.name }
        contact.name, before.name = "spoilt", "spoilt"
      end,
    }, { name = "test", version = "1.0.0" }, "records_test.lua:1")
  end
  rules.finish()
  mill.db.contact:update(created.id, { name = "z" })
  rules.list, rules.by_name, rules.invariants, rules.reactions = table.unpack(saved)

  expect(seen):is { { "z", "x" }, { "z", "x" } }
  expect(loaded.name):is "x"
end)
