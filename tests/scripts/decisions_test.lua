-- tests/scripts/decisions_test.lua: unary tests, tables, decisions in Lua, and what is written down of them.

local decimal = require "core.decimal"
local decisions = require "decisions"
local json = require "core.json"
local policies = require "access.policies"
local purity = require "decisions.purity"
local registry = require "entities.registry"
local sandbox = require "core.sandbox"
local settings = require "settings"
local tests = require "decisions.tests"

local function matches(cell, value)
  local expression = assert(tests.compile(cell, "fact"))
  return assert(sandbox.load(
    "local fact = ... return " .. expression, "=cell", tests.environment))(value)
end

test("a dash matches anything, nothing included", function()
  expect(matches("-", 5)):is(true)
  expect(matches("-", nil)):is(true)
end)

test("comparisons match numbers and texts of their own kind only", function()
  expect(matches(">= 80", 80)):is(true)
  expect(matches(">= 80", 79)):is(false)
  expect(matches("< -1.5", -2)):is(true)
  expect(matches('> "m"', "n")):is(true)
  expect(matches(">= 80", "90")):is(false)
  expect(matches("< 80", nil)):is(false)
end)

test("ranges are open or closed at each end", function()
  expect(matches("[50..80)", 50)):is(true)
  expect(matches("[50..80)", 80)):is(false)
  expect(matches("(50..80]", 50)):is(false)
  expect(matches("(50..80]", 80)):is(true)
end)

test("an amount is compared with numbers by its value, exactly", function()
  local function amount(text)
    return decimal.parse(text, 2, "USD")
  end

  for cell, fits in pairs {
    [">= 1000"] = { "1000.00", "5000.00", "10000.00" },
    ["< 1000"] = { "999.99", "-5000.00", "0.00" },
    ["> 0.01"] = { "0.02", "0.10" }, ["> -1.5"] = { "-1.49", "-0.01", "0.00" },
    ["1000"] = { "1000.00" }, ["12.5"] = { "12.50" },
    ["0"] = { "0.00" }, ["[100..200)"] = { "100.00", "199.99" }, ["5, 7"] = { "7.00" },
    ["not(5)"] = { "5.01" },
    ["> 92233720368547758"] = { "92233720368547758.07" },
    ["<= 10000000000000000000000"] = { "92233720368547758.07" },
    ["-"] = { "1.00" },
  } do
    for _, text in ipairs(fits) do
      expect({ cell, text, matches(cell, amount(text)) }):is { cell, text, true }
    end
  end
  for cell, others in pairs {
    [">= 1000"] = { "999.99", "-1000.00", "90.00" }, ["1000"] = { "1000.01", "-1000.00" },
    ["not(5)"] = { "5.00" },
    ["< -1.5"] = { "-1.50", "1.60" }, ["[100..200)"] = { "200.00" }, ["null"] = { "0.00" },
    ['"5.00"'] = { "5.00" },
    ["< 92233720368547758"] = { "92233720368547758.00" },
  } do
    for _, text in ipairs(others) do
      expect({ cell, text, matches(cell, amount(text)) }):is { cell, text, false }
    end
  end
end)

test("a list matches when one of it does", function()
  expect(matches('"east", "north"', "north")):is(true)
  expect(matches('"east", "north"', "west")):is(false)
  expect(matches("< 10, [20..30], 99", 99)):is(true)
end)

test("not(…) matches what is there and is not listed", function()
  expect(matches('not("east", "west")', "central")):is(true)
  expect(matches('not("east", "west")', "east")):is(false)
  expect(matches('not("east")', nil)):is(false)
end)

test("true, false and null are values", function()
  expect(matches("true", true)):is(true)
  expect(matches("false", nil)):is(false)
  expect(matches("null", nil)):is(true)
end)

test("a cell that cannot be read says what was expected and where it stopped", function()
  local _, fault = tests.compile(">= 80 abc", "fact")
  expect(fault):has "abc"
  _, fault = tests.compile(">> 80", "fact")
  expect(fault):has "expected"
  _, fault = tests.compile("[1..\"a\"]", "fact")
  expect(fault):has "one kind"
end)

test("a text in a cell cannot become code", function()
  expect(matches('"x) or os.exit() or (1"', "x) or os.exit() or (1")):is(true)
end)

test("a decision in Lua cannot change its facts", function()
  local facts = purity.freeze { a = 1, deep = { b = 2 } }
  expect(function() facts.a = 2 end):fails "cannot be changed"
  expect(function() facts.deep.b = 3 end):fails "cannot be changed"
end)

test("a decision in Lua sees its facts in the order of their names", function()
  local names = {}
  for name in pairs(purity.freeze { c = 1, a = 2, b = 3 }) do
    names[#names + 1] = name
  end
  expect(table.concat(names)):is "abc"
end)

test("a decision in Lua that uses something from outside is refused", function()
  local outside = {}
  expect(function()
    purity.seal("bad", function() return outside end)
  end):fails "outside"
end)

test("a decision in Lua reaches neither clock nor chance nor files", function()
  local decide = purity.seal("d", function()
    return { kinds = type(math.random) .. type(mill) .. type(next) .. type(pcall) }
  end)
  expect(decide()):is { kinds = "nilnilnilnil" }
end)

test("a decision in Lua has neither coroutines nor metatables", function()
  local decide = purity.seal("d", function()
    return { kinds = type(coroutine) .. type(setmetatable) .. type(getmetatable) .. type(rawset) .. type(rawget) }
  end)
  expect(decide()):is { kinds = "nilnilnilnilnil" }
end)

test("a decision in Lua that counts in a local outside starts anew each time", function()
  local counter = 0
  local decide = purity.seal("d", function()
    counter = counter + 1
    return counter
  end)

  expect(decide()):is(1)
  expect(decide()):is(1)
  counter = 7
  expect(decide()):is(1)
end)

test("a decision in Lua keeps nothing in its environment", function()
  local keeping = {
    function() counter = (counter or 0) + 1 end, -- luacheck: ignore
    function() string.kept = 1 end, -- luacheck: ignore
    function() table.remove = nil end, -- luacheck: ignore
  }

  for i, decide in ipairs(keeping) do
    expect(purity.seal("d" .. i, decide)):fails "cannot be changed"
  end
  expect(purity.seal("insert", function() table.insert(math, 1) end)):fails "a plain table is needed"
end)

test("a decision in Lua goes through its own tables in the order of the keys", function()
  local decide = purity.seal("d", function()
    local list = {}
    for key in pairs { c = 1, [2] = 1, a = 1, [true] = 1, b = 1, [1.5] = 1, [1] = 1 } do
      list[#list + 1] = tostring(key)
    end
    return table.concat(list, " ")
  end)

  expect(decide()):is "true 1 1.5 2 a b c"
end)

test("a decision in Lua learns no address", function()
  expect(purity.seal("d", function()
    return tostring({}) .. ("%s"):format(type) .. string.format("%s", {})
  end)()):is "tablefunctiontable"
  for _, decide in ipairs {
    function() return ("%p"):format({}) end,
    function() return ("%-10p"):format("x") end,
    function() return string.format("%%%p", {}) end,
  } do
    expect(purity.seal("d", decide)):fails "without %p"
  end
  expect(purity.seal("d", function() return ("").dump(function() end) end)):fails "dump"
  expect(purity.seal("d", function() return pairs { [{}] = 1 } end)):fails "a key in a decision"
  expect(("%d"):format(3)):is "3"
end)

test("methods of texts are everybody's own again when a decision in Lua has failed", function()
  expect(purity.seal("d", function() error "no" end)):fails "no"

  expect(type(("").pack)):is "function"
end)

test("a decision in Lua is no function of the library", function()
  expect(function() purity.seal("d", tostring) end):fails "written in Lua"
end)

test("a decision in Lua sorts, and keeps the order of equals", function()
  local decide = purity.seal("d", function()
    local list = {}
    for i = 1, 300 do
      list[i] = { rank = i * 7 % 10, at = i }
    end
    table.sort(list, function(a, b) return a.rank < b.rank end)
    for i = 2, #list do
      assert(list[i - 1].rank < list[i].rank or list[i - 1].rank == list[i].rank
        and list[i - 1].at < list[i].at)
    end
    local words = { "b", "c", "a" }
    table.sort(words)
    return table.concat(words)
  end)

  expect(decide()):is "abc"
end)

test("a decision is written down with facts, row, version and position", function()
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85 }
  local list = request("hq", "GET", "/api/v1/lead/" .. lead.id .. "/decisions").body.data
  expect(#list):is(1)
  expect(list[1].facts):is { score = 85, region = "east", mode = null }
  expect(list[1].row):is(5)
  expect(#list[1].version):is(16)
  expect(list[1].conditions[1]):is { fact = "score", test = ">= 80" }
end)

test("assignment spreads within one", function()
  local taken = {}
  for i = 1, 25 do
    local lead = mill.db.lead:create { name = "x" .. i, region = "east", score = 85 }
    taken[lead.owner] = (taken[lead.owner] or 0) + 1
  end
  local least, most = math.huge, 0
  for _, count in pairs(taken) do
    least, most = math.min(least, count), math.max(most, count)
  end
  expect(most - least <= 1):is_true()
end)

test("assignment gives nothing to a position that is not filled today", function()
  local position = mill.db.position:find { code = "anna.snelling" }
  mill.db.position:update(position, { to = "2020-01-01" })
  expect(mill.assign("position:anna.snelling", nil)):is_nil()
end)

test("a selector that cannot be read is named", function()
  expect(function() mill.assign("team:x", nil) end):fails "unit:CODE"
end)

test("canonical JSON has sorted keys", function()
  expect(json.encode { b = 1, a = { d = 1, c = 2 } }):is '{"a":{"c":2,"d":1},"b":1}'
end)

local function decided(lead)
  return request("hq", "GET", "/api/v1/lead/" .. lead.id .. "/decisions").body.data
end

test("facts come from the record as it stands, whatever the table says that was given", function()
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85 }
  lead.score, lead.region = 1, "nowhere"

  mill.decide("lead.route", lead)

  expect(decided(lead)[1].facts):is { score = 85, region = "east", mode = null }
end)

test("a decision about something else than its record is an error that names both", function()
  local unit = mill.db.unit:find {}
  for given, words in pairs {
    [unit] = "lead.route is about a record of lead; what was given is a record of unit",
    [{ id = unit.id, score = 9 }] = "is about a record of lead; what was given is no record",
  } do
    expect(function() mill.decide("lead.route", given) end):fails(words)
  end
  local lead = mill.db.lead:create { name = "x" }
  for _, forged in ipairs { unit.id, "nothing", 5 } do
    lead.id = forged
    expect(function() mill.decide("lead.route", lead) end):fails "of lead that does not exist"
  end
end)

-- Decides about a lead by a decision that is taken away again. A spec has `outcome` and `decide` or
-- `rows`.
local function decide_by(spec, values)
  spec.title = { en = "test", zh = "测试" }
  spec.facts = spec.facts or { { "score", of = "lead.score" } }
  values = values or {}
  values.name = "x"
  local lead = mill.db.lead:create(values)
  local ok, outcome = pcall(function()
    decisions.declare("test.way", spec, { name = "test", version = "1.0.0" }, "source",
      "decisions_test.lua:1")
    decisions.finish()
    return mill.decide("test.way", lead)
  end)
  decisions.by_name["test.way"] = nil
  return ok and outcome or error(outcome, 0), lead
end

local way = {
  { "channel", values = { "direct", "pool" } }, { "within", type = "duration" },
  { "to", type = "selector" },
  { "count", type = "integer" }, { "urgent", type = "boolean" }, { "note", type = "text" },
  { "other" },
}

test("a decision in Lua answers with values of the outcomes' types", function()
  local answer = { channel = "pool", within = "4h", to = "unit:x", count = 3, urgent = false,
    note = "n", other = 1.5 }

  expect((decide_by { outcome = way, decide = function()
    return {
      channel = "pool", within = "4h", to = "unit:x", count = 3, urgent = false, note = "n",
      other = 1.5,
    }
  end })):is(answer)
  expect((decide_by { outcome = way,
    decide = function() return { within = "", note = nil } end })):is {}
end)

test("a decision in Lua that answers something else fails, and says what is needed", function()
  local wrong = {
    ['channel: "x": needed is one of direct, pool'] = function() return { channel = "x" } end,
    ['within: "4 hours": needed is a duration'] = function() return { within = "4 hours" } end,
    ['to: "team:x": needed is a selector'] = function() return { to = "team:x" } end,
    ["count: 1.5: needed is a whole number"] = function() return { count = 1.5 } end,
    ['urgent: "no": needed is true or false'] = function() return { urgent = "no" } end,
    ["note: 1: needed is a text"] = function() return { note = 1 } end,
    ["other: a table: needed is a text, a number"] = function() return { other = {} } end,
    ["has no outcome chanel"] = function() return { chanel = "pool" } end,
  }
  for words, decide in pairs(wrong) do
    expect(function() decide_by { outcome = way,
      decide = decide } end):fails "decisions_test.lua:1: decision test.way"
    expect(function() decide_by { outcome = way, decide = decide } end):fails(words)
  end
end)

test("an outcome of a table may be false", function()
  expect((decide_by { outcome = { { "urgent", type = "boolean" } }, hit = "first",
    rows = { { "-", false } } })):is { urgent = false }
end)

test("what a plugin does later to the rows that it declared decides nothing", function()
  local spec = { outcome = { { "channel" } }, hit = "first", rows = { { "-", "direct" } } }
  decide_by(spec)
  spec.title = { en = "x", zh = "x" }
  decisions.declare("test.way", spec, { name = "test", version = "1.0.0" }, "source",
    "decisions_test.lua:1")
  decisions.finish()

  spec.rows[1][2] = "spoilt"

  local outcome = mill.decide("test.way", mill.db.lead:create { name = "x" })
  decisions.by_name["test.way"] = nil
  expect(outcome):is { channel = "direct" }
end)

test("a row takes an amount by its value, and the record keeps it as a text", function()
  local facts = { { "price", of = "lead.product.list_price" } }
  local product = mill.db.product:create { name = "Dear",
    list_price = mill.money("5000.00", "USD") }

  local outcome, lead = decide_by({
    facts = facts, outcome = { { "size" } }, hit = "first",
    rows = { { ">= 1000", "large" }, { "-", "small" } },
  }, { product = product })
  expect(outcome):is { size = "large" }
  expect(decided(lead)[1].row):is(1)

  expect((decide_by({
    facts = facts, outcome = { { "price" } },
    decide = function(given) return { price = given.price } end,
  }, { product = product }))):is { price = "5000.00" }
end)

test("an amount in a currency without a rate is not taken for the base", function()
  local product = mill.db.product:create { name = "Dear",
    list_price = mill.money("5000.00", "USD") }
  local saved = settings.values.base_currency
  settings.values.base_currency = "CNY"
  local ok, fault = pcall(decide_by, {
    facts = { { "price", of = "lead.product.list_price" } }, outcome = { { "size" } },
    hit = "first", rows = { { ">= 1000", "large" } },
  }, { product = product })
  settings.values.base_currency = saved

  expect(ok):is(false)
  expect(tostring(fault)):has "the fact price is in USD, and rows compare CNY"
end)

-- Runs with other decisions in the place of those that are declared, as after an edit of the file.
local function edited(name, spec, run)
  local saved = decisions.by_name[name]
  decisions.by_name[name] = nil
  local ok, fault = pcall(function()
    if spec then
      spec.title = { en = "Edited", zh = "已修改" }
      decisions.declare(name, spec, { name = "test", version = "1.0.0" }, "edited",
        "decisions_test.lua:1")
      decisions.finish()
    end
    run()
  end)
  decisions.by_name[name] = saved
  if not ok then
    error(fault, 0)
  end
end

test("why it went there is told as it was, after the table was edited", function()
  local product = mill.db.product:create { name = "Project", delivery_mode = "general" }
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85, product = product }
  local before = decided(lead)

  edited("lead.route", {
    hit = "first", outcome = { { "other" } }, rows = { { "-", "-", "x" } },
    facts = { { "area", of = "lead.region" }, { "score", of = "lead.source" } },
  }, function()
    expect(decided(lead)):is(before)
  end)

  expect(before[1].conditions):is {
    { fact = "score", test = ">= 80" }, { fact = "region", test = '"east"' },
    { fact = "mode", test = "-" },
  }
  expect(before[1].facts):is { score = 85, region = "east", mode = "general" }
  expect(before[1].title):is "Lead routing"
end)

test("a decision that was removed still explains itself", function()
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85 }
  local before = decided(lead)

  edited("lead.route", nil, function()
    expect(decided(lead)):is(before)
    expect(request("hq", "GET", "/api/v1/lead/" .. lead.id .. "/decisions", nil,
      { ["accept-language"] = "zh" }).body.data[1].title)
      :is "线索分配"
  end)
end)

test("an outcome that is empty is told as such", function()
  local lead = mill.db.lead:create { name = "x", score = 1 }

  expect(decided(lead)[1].outcome):is { channel = "pool", selector = null, accept_within = null }
end)

-- What an agent with these fields of products reads of a lead's decision.
local function read_by_agent(product_fields, lead)
  local saved = policies.grants.product
  policies.grants.product = {
    { role = "agent", actions = { read = true }, where = { operator = "all" },
      fields = product_fields },
  }
  local answer = request("anna.snelling", "GET", "/api/v1/lead/" .. lead.id .. "/decisions")
  policies.grants.product = saved
  return answer.body.data[1].facts
end

test("what a reader is told of facts follows from where they were read then", function()
  local product = mill.db.product:create { name = "Project", delivery_mode = "general" }
  local anna = mill.db.position:find { code = "anna.snelling" }
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85, product = product }
  mill.db.lead:update(lead, { owner = anna })
  local limited, free = { id = true, name = true }, { id = true, name = true, delivery_mode = true }

  expect(read_by_agent(limited, lead)):is { score = 85, region = "east" }
  expect(read_by_agent(free, lead)):is { score = 85, region = "east", mode = "general" }
  edited("lead.route", {
    hit = "first", outcome = { { "other" } }, rows = { { "-", "x" } },
    facts = { { "mode", of = "lead.score" } },
  }, function()
    expect(read_by_agent(limited, lead)):is { score = 85, region = "east" }
  end)
end)

test("facts from what is no field any more are for readers without field limits", function()
  local product = mill.db.product:create { name = "Project", delivery_mode = "general" }
  local anna = mill.db.position:find { code = "anna.snelling" }
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85, product = product }
  mill.db.lead:update(lead, { owner = anna })
  local fields = registry.get("product").by_name
  local saved = fields.delivery_mode
  fields.delivery_mode = nil

  local seen = { limited = read_by_agent({ id = true, delivery_mode = true }, lead),
    free = read_by_agent(nil, lead) }
  fields.delivery_mode = saved

  expect(seen.limited):is { score = 85, region = "east" }
  expect(seen.free):is { score = 85, region = "east", mode = "general" }
end)
