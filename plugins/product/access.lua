-- plugins/product/access.lua: every one of the vendor's own people may read the products.

mill.access "product" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" } },
  { role = "manager", allow = { "read" } },
  { role = "agent", allow = { "read" } },
}
