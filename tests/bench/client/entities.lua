mill.extend "lead" {
  fields = { { "number", "text", max = 40, label = { en = "Number", zh = "编号" } } },
  unique = { { "number" } },
}
