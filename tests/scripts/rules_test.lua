-- tests/scripts/rules_test.lua: the order of rules, what a failing reaction does, and what an invariant does.

local context = require "context"
local log = require "core.log"
local rules = require "rules"

-- Rules made for one test are taken away after it.
local function with_rules(specs, run)
  local saved = { list = rules.list, by_name = rules.by_name, invariants = rules.invariants, reactions = rules.reactions }
  rules.list, rules.by_name, rules.invariants, rules.reactions = {}, {}, {}, {}
  for i, spec in ipairs(specs) do
    spec.title = { en = "test", zh = "测试" }
    rules.declare("test.rule" .. i, spec, { name = "test", version = "1.0.0" }, "rules_test.lua:" .. i)
  end
  rules.finish()
  local ok, fault = pcall(run)
  for name, value in pairs(saved) do
    rules[name] = value
  end
  if not ok then
    error(fault, 0)
  end
end

test("a reaction runs once for a record, however often the record was written", function()
  local runs = 0
  with_rules({ { on = "contact.changed", run = function() runs = runs + 1 end } }, function()
    local contact = mill.db.contact:create { name = "a" }
    context.current().net = nil
    local db = require("entities.records")
    local entity = require("entities.registry").get "contact"
    db.update(entity, contact.id, { name = "b" })
    db.update(entity, contact.id, { name = "c" })
    rules.settle()
  end)
  expect(runs):is(1)
end)

test("a reaction that fails is undone alone and fails nobody", function()
  local later = 0
  with_rules({
    { on = "contact.created", run = function(contact)
      mill.db.contact:update(contact, { phone = "123" })
      error "broken"
    end },
    { on = "contact.created", run = function() later = later + 1 end },
  }, function()
    local contact = mill.db.contact:create { name = "kept" }
    expect(contact.name):is "kept"
    expect(contact.phone):is_nil()
  end)
  expect(later):is(1)
end)

test("an invariant that fails, fails the request", function()
  with_rules({ { on = "contact.created", invariant = true, run = function()
    error(mill.problem { field = "name", code = "never", message = { en = "never", zh = "不行" } })
  end } }, function()
    expect(function() mill.db.contact:create { name = "x" } end):fails(422)
  end)
end)

test("an invariant also holds for what a reaction changes", function()
  with_rules({
    { on = "contact.created", run = function(contact) mill.db.contact:update(contact, { phone = "666" }) end },
    { on = { "contact.created", "contact.changed" }, invariant = true, run = function(contact)
      if contact.phone == "666" then
        error(mill.problem { field = "phone", message = { en = "not this", zh = "不可" } })
      end
    end },
  }, function()
    local contact = mill.db.contact:create { name = "x" }
    expect(contact.phone):is_nil()
  end)
end)

test("rules run as the system, with the rule as their cause", function()
  local cause
  with_rules({ { on = "contact.created", run = function() cause = mill.cause() end } }, function()
    mill.db.contact:create { name = "x" }
  end)
  expect(cause):is { kind = "rule", id = "test.rule1", version = "1.0.0" }
end)

test("reactions that set each other off come to an end", function()
  with_rules({
    { on = { "contact.created", "contact.changed" }, run = function(contact)
      mill.db.contact:update(contact, { phone = tostring(#(contact.phone or "") + 1) })
    end },
    { on = { "contact.created", "contact.changed" }, run = function(contact)
      mill.db.contact:update(contact, { email = (contact.phone or "0") .. "@example.com" })
    end },
  }, function()
    expect(mill.db.contact:create { name = "x" }.email):is "1@example.com"
  end)
end)

test("a record that comes back to what it was did not change", function()
  local runs = 0
  with_rules({ { on = "contact.changed", run = function() runs = runs + 1 end } }, function()
    local contact = mill.db.contact:create { name = "a" }
    local records, entity = require "entities.records", require("entities.registry").get "contact"
    records.update(entity, contact.id, { name = "b" })
    records.update(entity, contact.id, { name = "a" })
    rules.settle()
  end)
  expect(runs):is(0)
end)

test("what a rule does to its record's table, the next rule does not see", function()
  local seen
  with_rules({
    { on = "contact.created", run = function(contact) contact.name = "forged" end },
    { on = "contact.created", run = function(contact) seen = contact.name end },
  }, function()
    mill.db.contact:create { name = "true" }
  end)
  expect(seen):is "true"
end)

test("an invariant's problem names the rule to all, and where it stands to administrators", function()
  local function create(login)
    local answer
    with_rules({ { on = "lead.created", invariant = true, run = function()
      error(mill.problem { field = "name", message = { en = "never", zh = "不行" } })
    end } }, function()
      answer = request(login, "POST", "/api/v1/lead", { name = "x" })
    end)
    return answer
  end

  local to_admin, to_agent = create "admin", create "anna.snelling"
  expect(to_admin.status):is(422)
  expect(to_admin.body.rule):is "test.rule1"
  expect(to_admin.body.declared):is "rules_test.lua:1"
  expect(to_agent.body.rule):is "test.rule1"
  expect(to_agent.body.declared):is_nil()
end)

test("what an invariant met while it ran as the system is not told to the caller", function()
  local answer
  with_rules({ { on = "lead.created", invariant = true, run = function()
    mill.db.user:create { login = "admin", name = "x" }
  end } }, function()
    answer = request("anna.snelling", "POST", "/api/v1/lead", { name = "x" })
  end)
  expect(answer.status):is(500)
  expect(answer.body.errors):is_nil()
end)

test("a table that a rule raised is logged by what it holds", function()
  local logged = {}
  local saved = log.log
  log.log = function(_, _, fields) logged[#logged + 1] = fields.text end
  with_rules({
    { on = "contact.created",
      run = function() error { code = 7, list = { "a", true },
        deep = { deep = { deep = { 1 } } } } end },
    { on = "contact.created", run = function() error { store_of = 1 } end },
  }, function()
    mill.db.contact:create { name = "x" }
  end)
  log.log = saved

  expect(logged):is {
    '{ code = 7, deep = { deep = { deep = { … } } }, list = { 1 = "a", 2 = true } }',
    "{ store_of = 1 }",
  }
end)

test("a table that an invariant raised is logged with its rule, and where it came from", function()
  local logged
  local saved = log.log
  log.log = function(_, _, fields) logged = fields.text end
  with_rules({ { on = "lead.created", invariant = true,
    run = function() error { code = 7 } end } }, function()
    expect(request("admin", "POST", "/api/v1/lead", { name = "x" }).status):is(500)
  end)
  log.log = saved

  expect(logged):has "rule test.rule1 (rules_test.lua:1): { code = 7 }"
  expect(logged):has "stack traceback"
end)

local function logged_by(specs, run)
  local lines, saved = {}, log.log
  log.log = function(_, _, fields) lines[#lines + 1] = fields end
  local ok, fault = pcall(with_rules, specs, run)
  log.log = saved
  return ok and lines or error(fault, 0)
end

test("a reaction that fails is logged with the decision and the row on which it acted", function()
  local lines = logged_by({
    { on = "lead.created", uses = { "lead.route" }, run = function(lead)
      mill.decide("lead.route", lead)
      error "broken"
    end },
    { on = "lead.created", run = function() error "broken" end },
  }, function()
    mill.db.lead:create { name = "x", region = "east", score = 85 }
  end)

  expect({ lines[1].decision, lines[1].row }):is { "lead.route", 5 }
  expect(lines[2].decision):is_nil()
end)

test("a rule decides by nothing but what it says it uses", function()
  local lines = logged_by(
    { { on = "lead.created", run = function(lead) mill.decide("lead.route", lead) end } },
    function()
    mill.db.lead:create { name = "x" }
  end)

  expect(lines[1].text):has 'it decides by lead.route; say uses = { "lead.route" }'
end)
