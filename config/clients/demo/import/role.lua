return mill.mapping "role" {
  title = { en = "Roles", zh = "角色" },
  columns = { "code", "name", "assignable" },
  record = function(row)
    return {
      entity = "role",
      key = { code = row.code },
      set = { name = row.name, assignable = row.assignable == "true" },
    }
  end,
}
