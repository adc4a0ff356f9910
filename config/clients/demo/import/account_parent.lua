-- config/clients/demo/import/account_parent.lua: the second pass over the accounts: whose
-- subsidiary each is. A parent may stand below its subsidiary in the file, so that it cannot be
-- found in the first pass.

return mill.mapping "account_parent" {
  title = { en = "Parents of the accounts", zh = "客户的母公司" },
  columns = { "account", "subsidiary_of" },
  from = { name = "account", parent = "subsidiary_of" },
  record = function(row)
    if row.subsidiary_of == "" then
      return {}
    end
    return {
      entity = "customer",
      key = { name = row.account },
      set = { parent = mill.ref("customer", { name = row.subsidiary_of }) },
    }
  end,
}
