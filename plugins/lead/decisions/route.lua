-- plugins/lead/decisions/route.lua: who gets a new lead. The first row that fits decides; an empty
-- product or region fits only "-".

return mill.decision "lead.route" {
  title = { en = "Lead routing", zh = "线索分配" },
  hit = "first",
  facts = {
    { "score", of = "lead.score", label = { en = "Score", zh = "评分" } },
    { "region", of = "lead.region", label = { en = "Region", zh = "区域" } },
    { "mode", of = "lead.product.delivery_mode", label = { en = "Delivery mode", zh = "交付模式" } },
  },
  outcome = {
    { "channel", values = { "direct", "partner", "pool" }, label = { en = "Channel", zh = "渠道" } },
    { "selector", type = "selector", label = { en = "Offered to", zh = "分派给" } },
    { "accept_within", type = "duration", label = { en = "Time to accept", zh = "接受时限" } },
  },
  rows = {
    --  score       region       mode              channel    selector          accept_within
    -- Projects stay with the vendor's own people, whatever the score.
    { "-",         '"central"', '"professional"', "direct",  "unit:central",   "4h" },
    { "-",         '"east"',    '"professional"', "direct",  "unit:east",      "4h" },
    { "-",         '"west"',    '"professional"', "direct",  "unit:west",      "4h" },
    -- Where there is a branch, good leads go to it, the best ones at once.
    { ">= 80",     '"central"', "-",              "direct",  "unit:central",   "4h" },
    { ">= 80",     '"east"',    "-",              "direct",  "unit:east",      "4h" },
    { ">= 80",     '"west"',    "-",              "direct",  "unit:west",      "4h" },
    -- What needs neither explanation nor visit is sold by the partner in the west.
    { ">= 30",     '"west"',    '"process"',      "partner", "unit:harbor",    "24h" },
    { "[50..80)",  '"central"', "-",              "direct",  "unit:central",   "8h" },
    { "[50..80)",  '"east"',    "-",              "direct",  "unit:east",      "8h" },
    { "[50..80)",  '"west"',    "-",              "direct",  "unit:west",      "8h" },
    -- Regions without a branch are the partner's.
    { ">= 50",     'not("central", "east", "west")', "-", "partner", "unit:harbor", "24h" },
    -- The best leads never wait in the pool because somebody forgot the region.
    { ">= 80",     "-",         "-",              "direct",  "unit:central",   "4h" },
    { "-",         "-",         "-",              "pool",    "",               "" },
  },
}
