-- plugins/lead/tests/lead_test.lua: where leads go, and who may do what with them.

local function role(code, assignable)
  return mill.db.role:find { code = code }
    or mill.db.role:create { code = code, name = code, assignable = assignable }
end

local function unit(code, kind, parent)
  return mill.db.unit:find { code = code }
    or mill.db.unit:create { code = code, name = code, kind = kind, parent = parent and parent.id }
end

local function person(login, role_code, at)
  local user = mill.db.user:create { login = login, name = login, unit = at.id }
  return mill.db.position:create {
    code = login, name = "Chair of " .. login, unit = at.id, holder = user.id,
    role = role(role_code, role_code == "agent" or role_code == "partner").id,
  }
end

-- The units that the routing names, each with somebody in it.
local function company()
  local c = { head = unit("headquarters", "headquarters") }
  for _, code in ipairs { "central", "east", "west" } do
    c[code] = unit(code, "region", c.head)
    c[code .. "_team"] = unit("t-" .. code, "branch", c[code])
    c[code .. "_agent"] = person("t-" .. code .. "-agent", "agent", c[code .. "_team"])
  end
  c.east_head = person("t-east-head", "manager", c.east)
  c.west_manager = person("t-west-manager", "manager", c.west_team)
  c.firm = unit("harbor", "partner", c.head)
  c.partner = person("t-partner", "partner", c.firm)
  person("t-firm-manager", "manager", c.firm)
  c.manager = person("t-manager", "manager", c.east_team)
  c.admin = person("t-admin", "administrator", c.head)
  return c
end

local function product(mode)
  return mill.db.product:create { name = "Test " .. mode, delivery_mode = mode }
end

local function create(values)
  values.name = values.name or "Test lead"
  return mill.db.lead:get(mill.db.lead:create(values).id)
end

local function act(login, lead, move, body)
  return request(login, "POST", "/api/v1/lead/" .. lead.id .. "/" .. move, body or {})
end

local function enter(login, values)
  return request(login, "POST", "/api/v1/lead", values)
end

-- Whether a unit lies in another or is it.
local function within(inner, outer)
  while inner do
    if inner == outer.id then
      return true
    end
    inner = mill.db.unit:get(inner).parent
  end
  return false
end

test("a lead of the east goes to somebody in the east, with a time to accept", function()
  local c = company()

  local lead = create { region = "east", score = 60 }

  expect(lead.stage):is("offered")
  expect(lead.channel):is("direct")
  expect(within(lead.unit, c.east)):is(true)
  expect(mill.db.position:get(lead.owner).unit):is(lead.unit)
  expect(lead.accept_by > mill.now()):is(true)
end)

test("a simple product in the west goes to the partner", function()
  local c = company()

  local lead = create { region = "west", score = 60, product = product("process").id }

  expect(lead.channel):is("partner")
  expect(lead.unit):is(c.firm.id)
end)

test("a project in the west stays with the vendor's own people", function()
  local c = company()

  local lead = create { region = "west", score = 10, product = product("professional").id }

  expect(lead.channel):is("direct")
  expect(within(lead.unit, c.west)):is(true)
end)

test("a good lead of a region without a branch goes to the partner", function()
  local c = company()

  expect(create { region = "north", score = 70 }.unit):is(c.firm.id)
end)

test("a lead of which nothing is known lies in the pool and belongs to nobody", function()
  company()

  local lead = create {}

  expect(lead.stage):is("pooled")
  expect(lead.channel):is("pool")
  expect(lead.owner):is_nil()
  expect(lead.unit):is_nil()
end)

test("leads are spread over the seats of a unit", function()
  local c = company()
  local second = person("t-east-second", "agent", c.east_team)
  local taken = {}

  for _ = 1, 60 do
    local lead = create { region = "east", score = 60 }
    taken[lead.owner] = (taken[lead.owner] or 0) + 1
  end

  expect(taken[second.id] > 0):is(true)
  expect(taken[c.east_agent.id] > 0):is(true)
end)

test("a lead that names its owner is offered to that position", function()
  local c = company()

  local lead = create { region = "west", score = 90, owner = c.east_agent.id }

  expect(lead.stage):is("offered")
  expect(lead.owner):is(c.east_agent.id)
  expect(lead.unit):is(c.east_team.id)
end)

test("an imported lead keeps its stage", function()
  company()

  expect(create { stage = "converted", region = "east", score = 90 }.stage):is("converted")
end)

test("a lead that is given back lies in the pool and the agent sees it no more", function()
  local c = company()
  local lead = create { owner = c.east_agent.id }

  local answer = act("t-east-agent", lead, "recycle")

  expect(answer.status < 300):is(true)
  lead = mill.db.lead:get(lead.id)
  expect(lead.stage):is("pooled")
  expect(lead.owner):is_nil()
  expect(lead.unit):is_nil()
  expect(request("t-east-agent", "GET", "/api/v1/lead/" .. lead.id).status):is(404)
end)

test("an agent accepts an own lead and does not see another's", function()
  local c = company()
  local own = create { owner = c.east_agent.id }
  local other = create { owner = c.west_agent.id }

  expect(act("t-east-agent", own, "accept").status):is(200)
  expect(mill.db.lead:get(own.id).stage):is("accepted")
  expect(act("t-east-agent", other, "accept").status):is(404)
  expect(#request("t-east-agent", "GET", "/api/v1/lead").body.data):is(1)
end)

test("an agent changes what a lead is about and not whose it is", function()
  local c = company()
  local path = "/api/v1/lead/" .. create { owner = c.east_agent.id }.id

  expect(request("t-east-agent", "PATCH", path, { company = "Test Ltd" }).status):is(200)
  expect(request("t-east-agent", "PATCH", path, { unit = c.west_team.id }).status):is(403)
  expect(request("t-east-agent", "PATCH", path, { accept_by = mill.after("900h") }).status):is(403)
  expect(request("t-east-agent", "DELETE", path).status):is(403)
end)

test("an agent names nobody but the own position as the owner of a new lead", function()
  local c = company()

  expect(enter("t-east-agent", { name = "Fair", owner = c.east_agent.id }).status):is(201)
  expect(enter("t-east-agent", { name = "Fair", owner = c.west_agent.id }).status):is(403)
  expect(enter("t-east-agent", { name = "Fair", unit = c.west_team.id }).status):is(403)
end)

test("what an agent enters for nobody is routed, also to others", function()
  local c = company()

  local answer = enter("t-east-agent", { name = "Test call", region = "west", score = 90 })

  expect(answer.status):is(201)
  expect(within(mill.db.lead:find { name = "Test call" }.unit, c.west)):is(true)
  expect(answer.body.data.name):is_nil()
end)

test("a manager enters a lead, and the routing decides where it goes", function()
  local c = company()

  local answer = enter("t-manager", { name = "Fair", region = "west", score = 90 })

  expect(answer.status):is(201)
  local lead = mill.db.lead:find { name = "Fair" }
  expect(within(lead.unit, c.west)):is(true)
end)

test("a partner sees the leads of the own company and no decision", function()
  local c = company()
  local own = create { owner = c.partner.id }
  local other = create { owner = c.east_agent.id }

  expect(request("t-partner", "GET", "/api/v1/lead/" .. own.id).status):is(200)
  expect(request("t-partner", "GET", "/api/v1/lead/" .. other.id).status):is(404)
  local decisions = "/api/v1/lead/" .. own.id .. "/decisions"
  expect(request("t-partner", "GET", decisions).status):is(403)
  expect(request("t-partner", "GET", (decisions:gsub(own.id, other.id))).status):is(404)
  expect(request("t-partner", "PATCH", "/api/v1/lead/" .. own.id, { score = 100 }).status):is(403)
end)

test("the decision of a lead says which row matched and what the facts were", function()
  company()
  local lead = create { region = "east", score = 85, product = product("general").id }

  local answer = request("t-admin", "GET", "/api/v1/lead/" .. lead.id .. "/decisions")

  expect(answer.status):is(200)
  local decision = answer.body.data[1]
  expect(decision.decision):is("lead.route")
  expect(decision.facts.score):is(85)
  expect(decision.facts.region):is("east")
  expect(decision.facts.mode):is("general")
  expect(decision.outcome.selector):is("unit:east")
  expect(decision.row ~= nil):is(true)
end)

test("a lead that is given to somebody else is the former owner's no more", function()
  local c = company()
  local lead = create { owner = c.partner.id }

  local answer = act("t-admin", lead, "offer", { owner = c.east_agent.id })

  expect(answer.status):is(200)
  expect(answer.body.data.unit):is(c.east_team.id)
  expect(answer.body.data.channel):is("direct")
  expect(request("t-partner", "GET", "/api/v1/lead/" .. lead.id).status):is(404)
  expect(act("t-partner", lead, "drop").status):is(404)
end)

test("a lead that is given to a partner is the partner's, by whatever way", function()
  local c = company()
  local offered, patched = create { owner = c.east_agent.id }, create { owner = c.east_agent.id }
  local imported = create { owner = c.partner.id, stage = "accepted", unit = c.east_team.id }

  act("t-admin", offered, "offer", { owner = c.partner.id })
  request("t-admin", "PATCH", "/api/v1/lead/" .. patched.id, { owner = c.partner.id })

  for _, lead in ipairs { offered, patched, imported } do
    lead = mill.db.lead:get(lead.id)
    expect(lead.unit):is(c.firm.id)
    expect(lead.channel):is("partner")
    expect(request("t-partner", "GET", "/api/v1/lead/" .. lead.id).status):is(200)
  end
end)

test("a lead given by name is to be accepted in the time of the setting", function()
  local c = company()
  local lead = create { owner = c.east_agent.id }

  expect(mill.setting("lead_accept_within")):is("24h")
  expect(lead.accept_by > mill.after("1430m")):is(true)
  expect(lead.accept_by <= mill.after("24h")):is(true)
end)

test("an offer that names no time gives a new one, and one that does keeps it", function()
  local c = company()
  local first, second = create { owner = c.east_agent.id }, create { owner = c.east_agent.id }
  local past, later = mill.after("0s"), mill.after("48h")
  mill.db.lead:update(first, { accept_by = past })

  act("t-admin", first, "offer", { owner = c.west_agent.id })
  act("t-admin", second, "offer", { owner = c.west_agent.id, accept_by = later })

  expect(mill.db.lead:get(first.id).accept_by > past):is(true)
  expect(mill.db.lead:get(second.id).accept_by):is(later)
end)

test("a lead cannot be offered to nobody, nor be taken away from everybody", function()
  local c = company()
  local pooled, accepted = create {}, create { owner = c.east_agent.id, stage = "accepted" }

  local answers = {
    act("t-admin", pooled, "offer"),
    request("t-admin", "PATCH", "/api/v1/lead/" .. accepted.id, { owner = null }),
    enter("t-admin", { name = "Test lead", stage = "offered" }),
  }

  expect(#answers):is(3)
  for _, answer in ipairs(answers) do
    expect(answer.status):is(422)
    expect(answer.body.errors[1].field):is("owner")
    expect(answer.body.errors[1].code):is("required")
  end
  expect(mill.db.lead:get(pooled.id).stage):is("pooled")
end)

-- What makes a chair take nothing any more.
local function gone(c)
  local agent = c.east_agent
  return {
    ended = function() mill.db.position:update(agent, { to = "2020-01-01" }) end,
    vacant = function() mill.db.position:update(agent, { holder = null }) end,
    closed = function() mill.db.position:archive(agent) end,
    left = function() mill.db.user:archive(agent.holder) end,
    role = function() mill.db.role:archive(agent.role) end,
    team = function() mill.db.unit:archive(c.east_team) end,
  }
end

for _, how in ipairs { "ended", "vacant", "closed", "left", "role", "team" } do
  test("nobody who is gone gets a lead: " .. how, function()
    local c = company()
    local other, second = create {}, create {}
    gone(c)[how]()

    expect(mill.assign("unit:t-east", other)):is_nil()
    expect(mill.assign("position:t-east-agent", other)):is_nil()
    local entered = create { owner = c.east_agent.id, region = "west", score = 90 }
    local offered = act("t-admin", other, "offer", { owner = c.east_agent.id })
    local there = act("t-admin", second, "offer", { owner = c.admin.id })

    expect(entered.owner):is_not(c.east_agent.id)
    expect(offered.status):is(422)
    expect(offered.body.errors[1].code):is("vacant")
    expect(there.status):is(200)
  end)
end

test("a region that is closed takes no leads, whoever is still seated below it", function()
  local c = company()
  mill.db.unit:archive(c.east)

  expect(create { region = "east", score = 60 }.stage):is("pooled")
end)

-- Which of some people see a lead and can offer it on.
local function who_can_offer(c, lead)
  local able = {}
  for _, login in ipairs {
    "t-admin", "t-east-head", "t-manager", "t-west-manager", "t-east-agent", "t-partner",
    "t-firm-manager",
  } do
    local seen = request(login, "GET", "/api/v1/lead/" .. lead.id).status
    local done = act(login, lead, "offer", { owner = c.east_agent.id }).status
    expect(done == 200):is(seen == 200)
    if done == 200 then
      able[#able + 1] = login
      act("t-admin", lead, "recycle")
    end
  end
  return table.concat(able, " ")
end

test("the managers of a region see what lies in its pool, and give it to somebody", function()
  local c = company()
  local lead = create { region = "east" }

  expect(lead.stage):is("pooled")
  expect(lead.pool):is(c.east.id)
  expect(who_can_offer(c, lead)):is("t-admin t-east-head t-manager")
  expect(#request("t-manager", "GET", "/api/v1/lead?stage=pooled").body.data):is(1)
  expect(act("t-manager", lead, "drop").status):is(200)
end)

test("a lead without a region lies in the pool of headquarters, for every manager", function()
  local c = company()

  expect(who_can_offer(c, create {})):is("t-admin t-east-head t-manager t-west-manager")
end)

test("a lead whose region is a partner's code is not the partner's", function()
  local c = company()

  local lead = create { region = "harbor", score = 10 }

  expect(lead.pool):is(c.head.id)
  expect(request("t-partner", "GET", "/api/v1/lead/" .. lead.id).status):is(404)
end)

test("a lead changes its pool with its region, and leaves it when it is offered", function()
  local c = company()
  local lead = create { region = "east" }

  request("t-admin", "PATCH", "/api/v1/lead/" .. lead.id, { region = "west" })
  expect(mill.db.lead:get(lead.id).pool):is(c.west.id)
  for _, field in ipairs { "owner", "unit" } do
    local given = { [field] = field == "unit" and c.east_team.id or c.east_agent.id }
    local answer = request("t-admin", "PATCH", "/api/v1/lead/" .. lead.id, given)
    expect(answer.status):is(422)
    expect(answer.body.errors[1].field):is(field)
  end
  act("t-admin", lead, "offer", { owner = c.east_agent.id })
  expect(mill.db.lead:get(lead.id).pool):is_nil()
  expect(request("t-west-manager", "GET", "/api/v1/lead/" .. lead.id).status):is(404)
  local by_hand = request("t-admin", "PATCH", "/api/v1/lead/" .. lead.id, { pool = c.west.id })
  expect(by_hand.status):is(422)
end)

test("a lead that comes in as pooled belongs to nobody either", function()
  local c = company()

  local lead = create { stage = "pooled", region = "east", owner = c.west_agent.id }

  expect(lead.owner):is_nil()
  expect(lead.unit):is_nil()
  expect(lead.pool):is(c.east.id)
end)
