-- plugins/org/access.lua: who sees the organisation. Only administrators change it: whoever may
-- fill a position gives away its rights with it.

mill.access "unit" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  { role = "manager", allow = { "read" }, where = { unit_subtree = "id" } },
  { role = "manager", allow = { "read" }, fields = { "code", "name", "kind", "parent" } },
  { role = "agent", allow = { "read" }, fields = { "code", "name" } },
  -- Not the parent: where the vendor hangs a partner company is the vendor's own affair.
  {
    role = "partner", allow = { "read" }, where = { partner = "id" },
    fields = { "code", "name", "kind", "opened_on", "phone" },
  },
}

mill.access "user" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  { role = "manager", allow = { "read" }, where = "unit_subtree" },
  { role = "manager", allow = { "read" }, fields = { "name" } },
  { role = "agent", allow = { "read" }, fields = { "name" } },
  { role = "partner", allow = { "read" }, where = "partner" },
}

mill.access "position" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  { role = "manager", allow = { "read" }, where = "unit_subtree" },
  { role = "manager", allow = { "read" }, fields = { "name" } },
  { role = "agent", allow = { "read" }, fields = { "name" } },
}

mill.access "role" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  { role = "manager", allow = { "read" } },
}
