-- config/clients/demo/import/product_delivery.lua: how each product is delivered. Made up: the
-- sales data says nothing about it.

return mill.mapping "product_delivery" {
  title = { en = "Delivery of the products", zh = "产品交付方式" },
  columns = { "product", "value", "standardisation", "delivery_mode" },
  from = { name = "product" },
  record = function(row, note)
    note("made_up")
    return {
      entity = "product",
      key = { name = row.product },
      set = {
        value = row.value,
        standardisation = row.standardisation,
        delivery_mode = row.delivery_mode,
      },
    }
  end,
  notes = {
    made_up = {
      en = "value, standardisation and delivery mode are an addition to the data",
      zh = "价值、标准化程度和交付模式为补充数据",
    },
  },
}
