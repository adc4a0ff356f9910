return mill.mapping "unit" {
  title = { en = "Units", zh = "组织单元" },
  columns = { "code", "name", "kind", "parent" },
  record = function(row)
    return {
      entity = "unit",
      key = { code = row.code },
      set = {
        name = row.name,
        kind = row.kind,
        parent = row.parent ~= "" and mill.ref("unit", { code = row.parent }) or nil,
      },
    }
  end,
}
