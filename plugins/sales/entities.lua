-- plugins/sales/entities.lua: a qualified chance to sell, from its discovery to the contract.

mill.entity "opportunity" {
  label = { en = "Opportunity", zh = "商机" },
  plural = { en = "Opportunities", zh = "商机" },
  display = "number",
  key = "number",
  fields = {
    { "number", "text", required = true, max = 40, label = { en = "Number", zh = "编号" } },
    { "customer", "reference", to = "customer", label = { en = "Customer", zh = "客户" } },
    { "product", "reference", to = "product", label = { en = "Product", zh = "产品" } },
    {
      "owner", "reference", to = "position", default = "actor",
      label = { en = "Owner", zh = "归属岗位" },
    },
    { "unit", "reference", to = "unit", default = "actor", label = { en = "Unit", zh = "负责单元" } },
    { "stage", "state", label = { en = "Stage", zh = "阶段" } },
    { "engaged_on", "date", label = { en = "Engaged on", zh = "接洽日期" } },
    { "closed_on", "date", label = { en = "Closed on", zh = "结案日期" } },
    { "amount", "money", label = { en = "Amount", zh = "金额" } },
    {
      "incomplete", "boolean", default = false, write = "system",
      label = { en = "Incomplete", zh = "资料不全" },
    },
  },
}

mill.lifecycle "opportunity" {
  initial = "prospecting",
  states = {
    { "prospecting", en = "Prospecting", zh = "潜在" },
    { "engaging", en = "Engaging", zh = "接洽中" },
    { "won", en = "Won", zh = "赢单" },
    { "lost", en = "Lost", zh = "丢单" },
  },
  moves = {
    engage = {
      from = "prospecting", to = "engaging", sets = { "customer", "engaged_on" },
      label = { en = "Engage", zh = "接洽" },
    },
    win = {
      from = "engaging", to = "won", sets = { "customer", "closed_on", "amount" },
      label = { en = "Win", zh = "赢单" },
    },
    lose = {
      from = { "prospecting", "engaging" }, to = "lost", sets = { "customer", "closed_on" },
      label = { en = "Lose", zh = "丢单" },
    },
    reopen = {
      from = { "won", "lost" }, to = "engaging", sets = { "customer" },
      label = { en = "Reopen", zh = "重新打开" },
    },
  },
}
