return {
  name = "customer",
  version = "1.0.0",
  api = 1,
  title = { en = "Customers", zh = "客户" },
  needs = { org = "^1.0" },
}
