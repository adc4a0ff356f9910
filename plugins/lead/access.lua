-- plugins/lead/access.lua: who sees and changes leads. What is custody (unit, owner, channel, pool,
-- accept_by) changes by moves and by managers; nobody below administrator deletes.

mill.access "lead" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read", "decisions" } },
  {
    role = "manager", where = "unit_subtree",
    allow = {
      "read", "decisions", "create", "update", "offer", "accept", "recycle", "convert", "drop",
    },
  },
  -- A pool is for the managers of the unit that keeps it, of those above it and of those below.
  {
    role = "manager", where = { unit_subtree = "pool" },
    allow = { "read", "decisions", "offer", "drop" },
  },
  {
    role = "manager", where = { unit_above = "pool" },
    allow = { "read", "decisions", "offer", "drop" },
  },

  {
    role = "agent", where = "own",
    allow = { "read", "decisions", "create", "accept", "recycle", "convert", "drop" },
  },
  -- Anybody may bring in a lead; whom it goes to is for the routing to say.
  {
    role = "agent", allow = { "create" },
    fields = { "name", "company", "phone", "email", "source", "region", "product", "score" },
  },
  {
    role = "agent", where = "own", allow = { "update" },
    fields = { "name", "company", "phone", "email", "source", "region", "product", "score" },
  },

  {
    role = "partner", where = "partner",
    allow = { "read", "accept", "recycle", "convert", "drop" },
  },
  {
    role = "partner", where = "partner", allow = { "update" },
    fields = { "name", "company", "phone", "email" },
  },
}
