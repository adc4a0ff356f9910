-- config/clients/demo/import/people.lua: people whom the sales data does not know. Each holds one
-- position, whose code is the login.

local PASSWORD = "tidemill-demo"

return mill.mapping "people" {
  title = { en = "People beyond the sales teams", zh = "销售团队以外的人员" },
  columns = { "login", "name", "role", "unit", "position" },
  record = function(row)
    local unit = mill.ref("unit", { code = row.unit })
    return {
      {
        entity = "user",
        key = { login = row.login },
        set = { name = row.name, unit = unit, password = PASSWORD },
      },
      {
        entity = "position",
        key = { code = row.login },
        set = {
          name = row.position,
          unit = unit,
          role = mill.ref("role", { code = row.role }),
          holder = mill.ref("user", { login = row.login }),
        },
      },
    }
  end,
}
