return mill.mapping "product" {
  title = { en = "Products", zh = "产品" },
  columns = { "product", "series", "sales_price" },
  from = { name = "product", list_price = "sales_price" },
  record = function(row)
    return {
      entity = "product",
      key = { name = row.product },
      set = { series = row.series, list_price = { amount = row.sales_price, currency = "USD" } },
    }
  end,
}
