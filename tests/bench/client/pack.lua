-- tests/bench/client/pack.lua: a client pack for the bench: leads that come from elsewhere, with a number.

return {
  name = "bench",
  version = "1.0.0",
  api = 1,
  title = { en = "Leads from elsewhere", zh = "外部线索" },
  needs = { lead = "^1.0" },
}
