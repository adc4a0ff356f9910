-- tests/scripts/orders_test.lua: what is told or asked in an order, is so in the same order in
-- every process.

local function unknown_fields()
  local body, names = {}, {}
  for letter in ("abcdefghijklmnopqrst"):gmatch "." do
    body["x" .. letter], names[#names + 1] = 1, "x" .. letter
  end
  return body, names
end

local function fields_of(answer)
  local fields = {}
  for i, fault in ipairs(answer.body.errors) do
    fields[i] = fault.field
  end
  return fields
end

test("the faults of a move stand in the order of their fields", function()
  local body, names = unknown_fields()
  local lead = mill.db.lead:create { name = "x", region = "east", score = 85 }

  local answer = request("admin", "POST", "/api/v1/lead/" .. lead.id .. "/accept", body)

  expect(fields_of(answer)):is(names)
end)

test("the faults of a log-in stand in the order of their fields", function()
  local body, names = unknown_fields()
  body.login, body.password = "admin", "tidemill-demo"

  expect(fields_of(request(nil, "POST", "/api/v1/session", body))):is(names)
end)

test("of several references that an import cannot find, the first by its name is told", function()
  local imports, json = require "imports", require "core.json"
  imports.by_name["test.orders"] = { name = "test.orders", version = "1.0.0" }
  local set = {
    unit = { ref = "unit", key = { code = "t-none" } },
    owner = { ref = "position", key = { code = "t-none" } },
    product = { ref = "product", key = { name = "t-none" } },
    customer = { ref = "customer", key = { name = "t-none" } },
  }
  local given = { entity = "opportunity", key = { number = "T-1" }, set = set }

  local answer = json.decode(imports.slice(json.encode {
    mapping = "test.orders", rows = { { line = 2, records = { given } } },
  }))
  imports.by_name["test.orders"] = nil

  expect(#answer.results[1].faults):is(1)
  expect(answer.results[1].faults[1].field):is("customer")
end)
