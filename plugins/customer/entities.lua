-- plugins/customer/entities.lua: the one company-wide file of customers, and the people there.

mill.entity "customer" {
  label = { en = "Customer", zh = "客户" },
  plural = { en = "Customers", zh = "客户" },
  display = "name",
  key = "name",
  fields = {
    { "name", "text", required = true, max = 200, label = { en = "Name", zh = "名称" } },
    { "sector", "text", max = 100, label = { en = "Sector", zh = "行业" } },
    { "region", "text", max = 60, lower = true, label = { en = "Region", zh = "区域" } },
    { "founded", "integer", min = 1, max = 9999, label = { en = "Founded in", zh = "成立年份" } },
    { "revenue", "money", label = { en = "Yearly revenue", zh = "年营业额" } },
    { "employees", "integer", min = 0, label = { en = "Employees", zh = "员工人数" } },
    { "country", "text", max = 100, label = { en = "Country", zh = "国家" } },
    { "parent", "reference", to = "customer", label = { en = "Subsidiary of", zh = "母公司" } },
    { "unit", "reference", to = "unit", label = { en = "Unit", zh = "负责单元" } },
  },
}

mill.entity "contact" {
  label = { en = "Contact", zh = "联系人" },
  plural = { en = "Contacts", zh = "联系人" },
  display = "name",
  fields = {
    { "name", "text", required = true, max = 200, label = { en = "Name", zh = "姓名" } },
    { "customer", "reference", to = "customer", label = { en = "Customer", zh = "客户" } },
    { "position", "text", max = 100, label = { en = "Position", zh = "职务" } },
    { "phone", "phone", label = { en = "Phone", zh = "电话" } },
    { "email", "email", label = { en = "E-mail", zh = "电子邮箱" } },
  },
}
