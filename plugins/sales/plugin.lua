return {
  name = "sales",
  version = "1.0.0",
  api = 1,
  title = { en = "Sales", zh = "销售" },
  needs = { org = "^1.0", customer = "^1.0", product = "^1.0" },
}
