-- plugins/org/tests/access_test.lua: the organisation as each role sees it.

local function role(code)
  return mill.db.role:find { code = code } or mill.db.role:create { code = code, name = code }
end

local function unit(code, kind, parent)
  return mill.db.unit:create {
    code = code, name = "Unit " .. code, kind = kind, parent = parent and parent.id, phone = "1234",
  }
end

local function person(login, role_code, at)
  local user = mill.db.user:create {
    login = login, name = "Person " .. login, unit = at.id, phone = "5678",
  }
  mill.db.position:create {
    code = login, name = "Chair of " .. login, unit = at.id, role = role(role_code).id,
    holder = user.id,
  }
  return user
end

local function company()
  local c = {}
  c.head = unit("t-head", "headquarters")
  c.north = unit("t-north", "region", c.head)
  c.team = unit("t-team", "branch", c.north)
  c.other_team = unit("t-other", "branch", c.north)
  c.firm = unit("t-firm", "partner", c.head)
  c.manager = person("t-manager", "manager", c.team)
  c.agent = person("t-agent", "agent", c.team)
  c.stranger = person("t-stranger", "agent", c.other_team)
  c.partner = person("t-partner", "partner", c.firm)
  return c
end

local function read(login, entity, record)
  return request(login, "GET", "/api/v1/" .. entity .. "/" .. record.id)
end

test("an agent sees the code and the name of a unit and nothing else of it", function()
  local c = company()

  local answer = read("t-agent", "unit", c.other_team)

  expect(answer.status):is(200)
  expect(answer.body.data.name):is("Unit t-other")
  expect(answer.body.data.code):is("t-other")
  expect(answer.body.data.kind):is_nil()
  expect(answer.body.data.parent):is_nil()
  expect(answer.body.data.phone):is_nil()
end)

test("an agent sees colleagues by name only, also in filters and sorts", function()
  local c = company()

  expect(read("t-agent", "user", c.stranger).body.data.name):is("Person t-stranger")
  expect(read("t-agent", "user", c.stranger).body.data.login):is_nil()
  expect(request("t-agent", "GET", "/api/v1/user?login=t-stranger").status):is(400)
  expect(request("t-agent", "GET", "/api/v1/user?sort=login").status):is(400)
end)

test("a manager sees the own people whole and others by name", function()
  local c = company()

  expect(read("t-manager", "user", c.agent).body.data.login):is("t-agent")
  expect(read("t-manager", "user", c.stranger).body.data.name):is("Person t-stranger")
  expect(read("t-manager", "user", c.stranger).body.data.login):is_nil()
  expect(#request("t-manager", "GET", "/api/v1/user?login=t-stranger").body.data):is(0)
end)

test("a manager changes nobody", function()
  local c = company()

  local changed = request("t-manager", "PATCH", "/api/v1/user/" .. c.agent.id, { name = "Else" })
  local made = request("t-manager", "POST", "/api/v1/unit", { code = "t-new", name = "New" })

  expect(changed.status):is(403)
  expect(made.status):is(403)
end)

test("a partner sees the own company and its users, and nothing of the vendor", function()
  local c = company()

  expect(read("t-partner", "unit", c.firm).body.data.name):is("Unit t-firm")
  expect(read("t-partner", "unit", c.firm).body.data.parent):is_nil()
  expect(read("t-partner", "user", c.partner).body.data.login):is("t-partner")
  expect(read("t-partner", "unit", c.head).status):is(404)
  expect(read("t-partner", "user", c.agent).status):is(404)
  expect(request("t-partner", "GET", "/api/v1/position").status):is(403)
  expect(request("t-partner", "GET", "/api/v1/role").status):is(403)
  expect(#request("t-partner", "GET", "/api/v1/unit").body.data):is(1)
end)
