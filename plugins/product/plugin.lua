return {
  name = "product",
  version = "1.0.0",
  api = 1,
  title = { en = "Products", zh = "产品" },
}
