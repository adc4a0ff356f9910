-- plugins/product/entities.lua: what is sold, and how it is delivered.

local level = {
  { "low", en = "Low", zh = "低" },
  { "middle", en = "Middle", zh = "中" },
  { "high", en = "High", zh = "高" },
}

mill.entity "product" {
  label = { en = "Product", zh = "产品" },
  plural = { en = "Products", zh = "产品" },
  display = "name",
  key = "name",
  fields = {
    { "name", "text", required = true, max = 200, label = { en = "Name", zh = "名称" } },
    { "series", "text", max = 100, label = { en = "Series", zh = "系列" } },
    { "list_price", "money", label = { en = "List price", zh = "标价" } },
    { "value", "choice", values = level, label = { en = "Value", zh = "价值" } },
    {
      "standardisation", "choice", values = level,
      label = { en = "Standardisation", zh = "标准化程度" },
    },
    {
      "delivery_mode", "choice", label = { en = "Delivery mode", zh = "交付模式" },
      values = {
        { "professional", en = "Professional service", zh = "专业服务交付" },
        { "general", en = "General service", zh = "一般服务交付" },
        { "process", en = "Process service", zh = "流程服务交付" },
      },
    },
  },
}
