-- plugins/customer/tests/customer_test.lua

local function person(login, role_code, unit)
  local role = mill.db.role:find { code = role_code }
    or mill.db.role:create { code = role_code, name = role_code }
  local user = mill.db.user:create { login = login, name = login, unit = unit.id }
  mill.db.position:create {
    code = login, name = login, unit = unit.id, role = role.id, holder = user.id,
  }
end

local function patch(login, entity, record, body)
  return request(login, "PATCH", "/api/v1/" .. entity .. "/" .. record.id, body)
end

local function enter(login, body)
  return request(login, "POST", "/api/v1/customer", body)
end

test("a customer cannot be its own subsidiary, however long the circle", function()
  local top = mill.db.customer:create { name = "Test top" }
  local middle = mill.db.customer:create { name = "Test middle", parent = top.id }
  local bottom = mill.db.customer:create { name = "Test bottom", parent = middle.id }
  person("t-admin", "administrator", mill.db.unit:create { code = "t-unit", name = "Unit" })

  local answer = patch("t-admin", "customer", top, { parent = bottom.id })

  expect(answer.status):is(422)
  expect(answer.body.errors[1].field):is("parent")
  expect(mill.db.customer:get(top.id).parent):is_nil()
end)

test("a manager changes customers of the own unit and below, and reads the others", function()
  local team = mill.db.unit:create { code = "t-team", name = "Team" }
  person("t-manager", "manager", team)
  local own = mill.db.customer:create { name = "Test own", unit = team.id }
  local other = mill.db.customer:create { name = "Test other" }

  expect(patch("t-manager", "customer", own, { sector = "retail" }).status):is(200)
  expect(patch("t-manager", "customer", other, { sector = "retail" }).status):is(403)
  expect(request("t-manager", "GET", "/api/v1/customer/" .. other.id).status):is(200)
  expect(enter("t-manager", { name = "Test new" }).status):is(403)
  expect(enter("t-manager", { name = "Test new", unit = team.id }).status):is(201)
end)

test("an agent reads customers and contacts and changes neither", function()
  person("t-agent", "agent", mill.db.unit:create { code = "t-branch", name = "Branch" })
  local customer = mill.db.customer:create { name = "Test customer" }
  local contact = mill.db.contact:create { name = "Test contact", customer = customer.id }

  expect(request("t-agent", "GET", "/api/v1/contact/" .. contact.id).status):is(200)
  expect(patch("t-agent", "contact", contact, { name = "Else" }).status):is(403)
  expect(patch("t-agent", "customer", customer, { name = "Else" }).status):is(403)
end)

test("a partner does not see that there are customers", function()
  local customer = mill.db.customer:create { name = "Test customer" }
  local firm = mill.db.unit:create { code = "t-firm", name = "Firm", kind = "partner" }
  person("t-partner", "partner", firm)

  expect(request("t-partner", "GET", "/api/v1/customer").status):is(403)
  expect(request("t-partner", "GET", "/api/v1/customer/" .. customer.id).status):is(403)
end)
