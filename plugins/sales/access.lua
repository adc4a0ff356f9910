-- plugins/sales/access.lua: who sees and changes opportunities. Whose an opportunity is, agents and
-- partners do not change; what is closed, they do not reopen; nobody below administrator deletes.

mill.access "opportunity" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  {
    role = "manager", where = "unit_subtree",
    allow = { "read", "create", "update", "engage", "win", "lose", "reopen" },
  },

  { role = "agent", where = "own", allow = { "read", "create", "engage", "win", "lose" } },
  {
    role = "agent", where = "own", allow = { "update" },
    fields = { "customer", "product", "engaged_on", "closed_on", "amount" },
  },

  { role = "partner", where = "partner", allow = { "read", "engage", "win", "lose" } },
  {
    role = "partner", where = "partner", allow = { "update" },
    fields = { "engaged_on", "closed_on", "amount" },
  },
}
