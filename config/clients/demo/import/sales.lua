-- config/clients/demo/import/sales.lua: what the sales data says: the teams, their pipeline, and
-- who of the teams sells nothing. People are known by their names there, and by their logins here.

local PASSWORD = "tidemill-demo"

local function login_of(name)
  return (name:lower():gsub("%s+", "."))
end

local function person(name, role, title, unit)
  local login = login_of(name)
  return {
    entity = "user",
    key = { login = login },
    set = { name = name, unit = unit, password = PASSWORD },
  }, {
    entity = "position",
    key = { code = login },
    set = {
      name = ("%s (%s)"):format(name, title),
      unit = unit,
      role = mill.ref("role", { code = role }),
      holder = mill.ref("user", { login = login }),
    },
  }
end

-- A row of sales_teams.csv names an agent, the agent's manager and the regional office. The office
-- becomes a region, each manager has a branch in it, and everybody holds one position in the
-- branch, whose code is the login. Rows that repeat a manager or an office repeat the same values.
mill.mapping "team" {
  title = { en = "Sales teams", zh = "销售团队" },
  columns = { "sales_agent", "manager", "regional_office" },
  from = { name = "sales_agent", login = "sales_agent" },
  record = function(row)
    local region = row.regional_office:lower()
    local surname = row.manager:match("(%S+)$")
    local code = region .. "-" .. surname:lower()
    local branch = mill.ref("unit", { code = code })
    local manager, manager_position = person(row.manager, "manager", "sales manager", branch)
    local agent, agent_position = person(row.sales_agent, "agent", "sales agent", branch)

    return {
      {
        entity = "unit",
        key = { code = region },
        set = {
          name = row.regional_office,
          kind = "region",
          parent = mill.ref("unit", { code = "headquarters" }),
        },
      },
      {
        entity = "unit",
        key = { code = code },
        set = {
          name = ("%s, %s's team"):format(row.regional_office, surname),
          kind = "branch",
          parent = mill.ref("unit", { code = region }),
        },
      },
      manager, manager_position, agent, agent_position,
    }
  end,
}

local product_names = { ["GTXPro"] = "GTX Pro" }

local function given(text)
  return text ~= "" and text or nil
end

-- Whether the record is an exception to keep: one that somebody has completed since stays complete.
local function is_incomplete(row, stage)
  if row.account ~= "" or stage == "prospecting" then
    return false
  end
  local kept = mill.db.opportunity:find { number = row.opportunity_id }
  return not (kept and kept.customer)
end

-- The pipeline. The owner is the agent's position, the unit the unit of that position.
mill.mapping "opportunity" {
  title = { en = "Sales pipeline", zh = "销售机会" },
  columns = {
    "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date",
    "close_date", "close_value",
  },
  from = {
    number = "opportunity_id", customer = "account", product = "product", owner = "sales_agent",
    stage = "deal_stage", engaged_on = "engage_date", closed_on = "close_date",
    amount = "close_value",
  },

  record = function(row, note)
    local stage = row.deal_stage:lower()
    local renamed = product_names[row.product]
    local incomplete = is_incomplete(row, stage)
    local seat = { code = login_of(row.sales_agent) }
    local position = mill.db.position:find(seat)
    if renamed then
      note("product_name")
    end
    if row.account == "" then
      note("account_missing")
    end
    if incomplete then
      note("kept_incomplete")
    end

    return {
      entity = "opportunity",
      key = { number = row.opportunity_id },
      set = {
        customer = row.account ~= "" and mill.ref("customer", { name = row.account }) or nil,
        product = mill.ref("product", { name = renamed or row.product }),
        owner = position and position.id or mill.ref("position", seat),
        unit = position and position.unit,
        stage = stage,
        engaged_on = given(row.engage_date),
        closed_on = given(row.close_date),
        amount = row.close_value ~= "" and { amount = row.close_value, currency = "USD" } or nil,
      },
      incomplete = incomplete,
    }
  end,

  notes = {
    product_name = { en = "product GTXPro: read as GTX Pro", zh = "产品 GTXPro 更正为 GTX Pro" },
    account_missing = { en = "no account", zh = "没有客户" },
    kept_incomplete = {
      en = "no account although engaging or closed: kept and marked incomplete",
      zh = "已进入接洽或结案阶段却没有客户：保留并标记为资料不全",
    },
  },
}

-- After the pipeline, a second look at the teams: who of them sells nothing. It changes nothing;
-- their positions are kept, and get leads like the others.
mill.mapping "team_without_sales" {
  title = { en = "Agents without opportunities", zh = "没有商机的销售" },
  columns = { "sales_agent" },
  record = function(row, note)
    local position = mill.db.position:find { code = login_of(row.sales_agent) }
    if position and not mill.db.opportunity:find { owner = position } then
      note("sells_nothing")
    end
    return {}
  end,
  notes = {
    sells_nothing = { en = "an agent who sells nothing: kept", zh = "没有任何商机的销售：保留其岗位" },
  },
}
