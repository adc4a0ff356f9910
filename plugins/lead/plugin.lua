return {
  name = "lead",
  version = "1.0.0",
  api = 1,
  title = { en = "Leads", zh = "线索" },
  needs = { org = "^1.0", product = "^1.0" },
  settings = {
    lead_accept_within = {
      type = "duration", default = "24h",
      label = { en = "Time to accept a lead, where nothing else says", zh = "接受线索的默认时限" },
    },
  },
}
