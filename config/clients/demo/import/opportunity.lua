-- config/clients/demo/import/opportunity.lua: the sales pipeline. The owner is the agent's
-- position, the unit the unit of that position.

local product_names = { ["GTXPro"] = "GTX Pro" }

local function login_of(name)
  return (name:lower():gsub("%s+", "."))
end

local function given(text)
  return text ~= "" and text or nil
end

-- Whether the record is an exception to keep: one that somebody has completed since stays complete.
local function is_incomplete(row, stage)
  if row.account ~= "" or stage == "prospecting" then
    return false
  end
  local kept = mill.db.opportunity:find { number = row.opportunity_id }
  return not (kept and kept.customer)
end

return mill.mapping "opportunity" {
  title = { en = "Sales pipeline", zh = "销售机会" },
  columns = {
    "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date",
    "close_date", "close_value",
  },
  from = {
    number = "opportunity_id", customer = "account", product = "product", owner = "sales_agent",
    stage = "deal_stage", engaged_on = "engage_date", closed_on = "close_date",
    amount = "close_value",
  },

  record = function(row, note)
    local stage = row.deal_stage:lower()
    local renamed = product_names[row.product]
    local incomplete = is_incomplete(row, stage)
    local seat = { code = login_of(row.sales_agent) }
    local position = mill.db.position:find(seat)
    if renamed then
      note("product_name")
    end
    if row.account == "" then
      note("account_missing")
    end
    if incomplete then
      note("kept_incomplete")
    end

    return {
      entity = "opportunity",
      key = { number = row.opportunity_id },
      set = {
        customer = row.account ~= "" and mill.ref("customer", { name = row.account }) or nil,
        product = mill.ref("product", { name = renamed or row.product }),
        owner = position and position.id or mill.ref("position", seat),
        unit = position and position.unit,
        stage = stage,
        engaged_on = given(row.engage_date),
        closed_on = given(row.close_date),
        amount = row.close_value ~= "" and { amount = row.close_value, currency = "USD" } or nil,
      },
      incomplete = incomplete,
    }
  end,

  notes = {
    product_name = { en = "product GTXPro: read as GTX Pro", zh = "产品 GTXPro 更正为 GTX Pro" },
    account_missing = { en = "no account", zh = "没有客户" },
    kept_incomplete = {
      en = "no account although engaging or closed: kept and marked incomplete",
      zh = "已进入接洽或结案阶段却没有客户：保留并标记为资料不全",
    },
  },
}
