return {
  name = "console",
  version = "1.0.0",
  api = 1,
  title = { en = "Console", zh = "控制台" },
  needs = { org = "^1.0", customer = "^1.0", product = "^1.0", lead = "^1.0", sales = "^1.0" },
}
