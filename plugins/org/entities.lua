-- plugins/org/entities.lua: what a company keeps about its units and people beyond what the
-- framework needs.

mill.extend "unit" {
  fields = {
    { "opened_on", "date", label = { en = "Opened on", zh = "成立日期" } },
    { "phone", "phone", label = { en = "Phone", zh = "电话" } },
  },
}

mill.extend "user" {
  fields = {
    { "email", "email", label = { en = "E-mail", zh = "电子邮箱" } },
    { "phone", "phone", label = { en = "Phone", zh = "电话" } },
  },
}
