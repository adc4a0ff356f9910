-- config/clients/demo/import/team_without_sales.lua: after the pipeline, a second look at the sales
-- teams: who of them sells nothing. It changes nothing; their positions are kept, and get leads
-- like the others.

local function login_of(name)
  return (name:lower():gsub("%s+", "."))
end

return mill.mapping "team_without_sales" {
  title = { en = "Agents without opportunities", zh = "没有商机的销售" },
  columns = { "sales_agent" },
  record = function(row, note)
    local position = mill.db.position:find { code = login_of(row.sales_agent) }
    if position and not mill.db.opportunity:find { owner = position } then
      note("sells_nothing")
    end
    return {}
  end,
  notes = {
    sells_nothing = { en = "an agent who sells nothing: kept", zh = "没有任何商机的销售：保留其岗位" },
  },
}
