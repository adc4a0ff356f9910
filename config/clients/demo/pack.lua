-- config/clients/demo/pack.lua: the demo client: a real company's sales pipeline, with a few made-
-- up additions.

return {
  name = "demo",
  version = "1.0.0",
  api = 1,
  title = { en = "Demo: a seller of computer hardware", zh = "演示：计算机硬件销售公司" },
  needs = { org = "^1.0", customer = "^1.0", product = "^1.0", lead = "^1.0", sales = "^1.0" },
  settings = { base_currency = "USD" },
  demo_logins = true,
  welcome = {
    en = [[
Sign in with the password tidemill-demo as
  admin                administrator
  hq                   headquarters: reads everything
  dustin.brinkmann     manager of a branch in the region central
  anna.snelling        agent in that branch
  partner              user of a made-up partner company
To try: sign in as hq and look at the pipeline; create a lead and see where it goes, and why;
then edit plugins/lead/decisions/route.lua and create another. README.md has the commands.]],
    zh = [[
密码均为 tidemill-demo，可用以下账号登录：
  admin                管理员
  hq                   总部：可查看全部
  dustin.brinkmann     central 区域一个分支机构的经理
  anna.snelling        该分支机构的销售
  partner              一家虚构合作伙伴公司的用户
试一试：用 hq 登录查看商机看板；新建线索，看它分给了谁、为什么；
再修改 plugins/lead/decisions/route.lua 后新建一条。命令见 README.md。]],
  },

  -- Loaded in this order at the first start: what is referred to comes before what refers to it.
  seed = {
    { "role", "data/made-up/roles.csv" },
    { "unit", "data/made-up/units.csv" },
    { "people", "data/made-up/people.csv" },
    { "team", "data/maven-crm/sales_teams.csv" },
    { "product", "data/maven-crm/products.csv" },
    { "product_delivery", "data/made-up/product_delivery.csv" },
    { "account", "data/maven-crm/accounts.csv" },
    { "account_parent", "data/maven-crm/accounts.csv" },
    { "opportunity", "data/maven-crm/sales_pipeline.csv" },
    { "team_without_sales", "data/maven-crm/sales_teams.csv" },
  },
}
