return {
  name = "org",
  version = "1.0.0",
  api = 1,
  title = { en = "Organisation", zh = "组织" },
}
