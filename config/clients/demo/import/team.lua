-- config/clients/demo/import/team.lua: a row of sales_teams.csv names an agent, the agent's manager
-- and the regional office. The office becomes a region, each manager has a branch in it, and
-- everybody holds one position in the branch, whose code is the login. Rows that repeat a manager
-- or an office repeat the same values.

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

return mill.mapping "team" {
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
