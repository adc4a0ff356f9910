-- plugins/customer/access.lua: the customer file is company-wide for the vendor's own people;
-- partners do not see it. Agents look at what they need, and do not take the file with them.

local a_day = { records = mill.setting "customer_reads_a_day", per = "1d" }

mill.access "customer" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  { role = "manager", allow = { "read" } },
  { role = "manager", allow = { "create", "update" }, where = "unit_subtree" },
  { role = "agent", allow = { "read" }, metered = a_day },
}

-- A contact lies in no unit of its own, so that no manager's grant reaches it yet.
mill.access "contact" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  { role = "manager", allow = { "read" } },
  { role = "agent", allow = { "read" }, metered = a_day },
}
