-- plugins/sales/tests/opportunity_test.lua

local function role(code)
  return mill.db.role:find { code = code } or mill.db.role:create { code = code, name = code }
end

local function person(login, role_code, at)
  local user = mill.db.user:create { login = login, name = login, unit = at.id }
  return mill.db.position:create {
    code = login, name = login, unit = at.id, role = role(role_code).id, holder = user.id,
  }
end

local function company()
  local c = {}
  c.team = mill.db.unit:create { code = "t-team", name = "Team", kind = "branch" }
  c.other_team = mill.db.unit:create { code = "t-other", name = "Other", kind = "branch" }
  c.firm = mill.db.unit:create { code = "t-firm", name = "Firm", kind = "partner" }
  c.agent = person("t-agent", "agent", c.team)
  c.stranger = person("t-stranger", "agent", c.other_team)
  c.manager = person("t-manager", "manager", c.team)
  c.partner = person("t-partner", "partner", c.firm)
  c.customer = mill.db.customer:create { name = "Test customer" }
  return c
end

local function create(values)
  values.number = values.number or "T-1"
  return mill.db.opportunity:get(mill.db.opportunity:create(values).id)
end

local function act(login, opportunity, move, body)
  return request(login, "POST", "/api/v1/opportunity/" .. opportunity.id .. "/" .. move, body or {})
end

local function patch(login, opportunity, body)
  return request(login, "PATCH", "/api/v1/opportunity/" .. opportunity.id, body)
end

local function sums(login, query)
  return request(login, "GET", "/api/v1/opportunity/summary?" .. query)
end

local function now(opportunity)
  return mill.db.opportunity:get(opportunity.id)
end

test("an opportunity starts by prospecting, without a customer", function()
  local c = company()

  local answer = request("t-agent", "POST", "/api/v1/opportunity", { number = "T-2" })

  expect(answer.status):is(201)
  local made = mill.db.opportunity:find { number = "T-2" }
  expect(made.stage):is("prospecting")
  expect(made.owner):is(c.agent.id)
  expect(made.unit):is(c.team.id)
end)

test("it cannot be engaged without a customer, and can with one", function()
  local c = company()
  local opportunity = create { owner = c.agent.id }

  local refused = act("t-agent", opportunity, "engage")
  local engaged = act("t-agent", opportunity, "engage", { customer = c.customer.id })

  expect(refused.status):is(422)
  expect(refused.body.errors[1].field):is("customer")
  expect(engaged.status):is(200)
  expect(now(opportunity).engaged_on):is(mill.today())
end)

test("a customer cannot be taken away from an engaged opportunity", function()
  local c = company()
  local opportunity = create { owner = c.agent.id, stage = "engaging", customer = c.customer.id }

  local answer = patch("t-agent", opportunity, { customer = null })

  expect(answer.status):is(422)
  expect(answer.body.errors[1].field):is("customer")
end)

test("an incomplete opportunity is kept, and complete with its customer", function()
  local c = company()
  local opportunity = create { owner = c.agent.id, stage = "engaging", incomplete = true }

  local won = act("t-agent", opportunity, "win")
  local listed = #request("t-agent", "GET", "/api/v1/opportunity?incomplete=true").body.data
  local patched = patch("t-agent", opportunity, { customer = c.customer.id })

  expect(won.status):is(422)
  expect(listed):is(1)
  expect(patched.status):is(200)
  expect(now(opportunity).incomplete):is(false)
  expect(#request("t-agent", "GET", "/api/v1/opportunity?incomplete=true").body.data):is(0)
end)

test("nobody can mark an opportunity incomplete by hand", function()
  local c = company()
  local opportunity = create { owner = c.agent.id }

  local answer = patch("t-manager", opportunity, { incomplete = true })

  expect(answer.status):is(422)
end)

test("winning puts down the amount and the day", function()
  local c = company()
  local opportunity = create { owner = c.agent.id, stage = "engaging", customer = c.customer.id }

  local amount = { amount = "1054.00", currency = "USD" }
  local answer = act("t-agent", opportunity, "win", { amount = amount })

  expect(answer.status):is(200)
  expect(now(opportunity).stage):is("won")
  expect(tostring(now(opportunity).amount)):is("1054.00")
  expect(now(opportunity).closed_on):is(mill.today())
end)

test("a manager reopens, an agent does not", function()
  local c = company()
  local opportunity = create {
    owner = c.agent.id, stage = "lost", customer = c.customer.id, closed_on = "2026-01-31",
  }

  expect(act("t-agent", opportunity, "reopen").status):is(403)
  expect(act("t-manager", opportunity, "reopen").status):is(200)
  expect(now(opportunity).stage):is("engaging")
  expect(now(opportunity).closed_on):is_nil()
end)

test("the unit follows the owner", function()
  local c = company()
  local opportunity = create { owner = c.agent.id }
  expect(opportunity.unit):is(c.team.id)

  patch("t-manager", opportunity, { owner = c.stranger.id })

  expect(now(opportunity).unit):is(c.other_team.id)
end)

test("an agent does not see another's opportunity, nor sum it up", function()
  local c = company()
  create { owner = c.agent.id, number = "T-own" }
  local other = create { owner = c.stranger.id, number = "T-other" }

  expect(request("t-agent", "GET", "/api/v1/opportunity/" .. other.id).status):is(404)
  expect(act("t-agent", other, "lose").status):is(404)
  expect(sums("t-agent", "count").body.data[1].count):is(1)
  expect(sums("t-agent", "by=unit.parent&count").status):is(400)
end)

test("a partner sees the opportunities of the own company and changes no customer", function()
  local c = company()
  local own = create { owner = c.partner.id, number = "T-own" }
  local other = create { owner = c.agent.id, number = "T-other" }

  expect(request("t-partner", "GET", "/api/v1/opportunity/" .. own.id).status):is(200)
  expect(request("t-partner", "GET", "/api/v1/opportunity/" .. other.id).status):is(404)
  expect(patch("t-partner", own, { closed_on = "2026-12-01" }).status):is(200)
  expect(patch("t-partner", own, { customer = c.customer.id }).status):is(403)
end)
