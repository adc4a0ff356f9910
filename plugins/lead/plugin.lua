return {
  name = "lead",
  version = "1.0.0",
  api = 1,
  title = { en = "Leads", zh = "线索" },
  needs = { org = "^1.0", product = "^1.0" },
}
