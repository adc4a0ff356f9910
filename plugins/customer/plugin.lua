return {
  name = "customer",
  version = "1.0.0",
  api = 1,
  title = { en = "Customers", zh = "客户" },
  needs = { org = "^1.0" },
  settings = {
    customer_reads_a_day = {
      type = "integer", default = 2000,
      label = {
        en = "Customers, and contacts, that an agent may look at in a day",
        zh = "销售代表每天可查看的客户数（联系人同样计算）",
      },
    },
  },
}
