-- plugins/lead/entities.lua: unqualified interest, from its arrival until it is converted or
-- dropped.

mill.entity "lead" {
  label = { en = "Lead", zh = "线索" },
  plural = { en = "Leads", zh = "线索" },
  display = "name",
  index = { { "score" } },
  fields = {
    { "name", "text", required = true, max = 200, label = { en = "Name", zh = "名称" } },
    { "company", "text", max = 200, label = { en = "Company", zh = "公司" } },
    { "phone", "phone", label = { en = "Phone", zh = "电话" } },
    { "email", "email", label = { en = "E-mail", zh = "电子邮箱" } },
    { "source", "text", max = 60, label = { en = "Source", zh = "来源" } },
    { "region", "text", max = 60, lower = true, label = { en = "Region", zh = "区域" } },
    { "product", "reference", to = "product", label = { en = "Product", zh = "产品" } },
    { "score", "integer", min = 0, max = 100, label = { en = "Score", zh = "评分" } },
    { "stage", "state", label = { en = "Stage", zh = "阶段" } },
    {
      "channel", "choice", label = { en = "Channel", zh = "渠道" },
      values = {
        { "direct", en = "Direct", zh = "直销" },
        { "partner", en = "Partner", zh = "合作伙伴" },
        { "pool", en = "Pool", zh = "公海" },
      },
    },
    { "unit", "reference", to = "unit", default = "actor", label = { en = "Unit", zh = "负责单元" } },
    { "owner", "reference", to = "position", label = { en = "Owner", zh = "归属岗位" } },
    {
      "pool", "reference", to = "unit", write = "system",
      label = { en = "Pool kept by", zh = "公海归口单元" },
    },
    { "accept_by", "timestamp", label = { en = "Accept by", zh = "接受期限" } },
  },
}

mill.lifecycle "lead" {
  initial = "new",
  states = {
    { "new", en = "New", zh = "新建" },
    { "offered", en = "Offered", zh = "待接受" },
    { "accepted", en = "Accepted", zh = "已接受" },
    { "pooled", en = "In the pool", zh = "公海" },
    { "converted", en = "Converted", zh = "已转化" },
    { "dropped", en = "Dropped", zh = "已放弃" },
  },
  moves = {
    offer = {
      from = { "new", "pooled", "offered" }, to = "offered",
      sets = { "channel", "unit", "owner", "accept_by" },
      label = { en = "Offer", zh = "分派" },
    },
    accept = { from = "offered", to = "accepted", label = { en = "Accept", zh = "接受" } },
    pool = { from = "new", to = "pooled", label = { en = "Put into the pool", zh = "放入公海" } },
    recycle = {
      from = { "offered", "accepted" }, to = "pooled",
      label = { en = "Give back to the pool", zh = "退回公海" },
    },
    convert = { from = "accepted", to = "converted", label = { en = "Convert", zh = "转化" } },
    drop = {
      from = { "new", "offered", "accepted", "pooled" }, to = "dropped",
      label = { en = "Drop", zh = "放弃" },
    },
  },
}
