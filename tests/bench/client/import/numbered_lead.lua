-- tests/bench/client/import/numbered_lead.lua: leads as they stand in another system, with whom
-- they are there.

return mill.mapping "numbered_lead" {
  title = { en = "Leads with a number", zh = "带编号的线索" },
  columns = {
    "number", "name", "company", "phone", "email", "source", "region", "score", "stage", "owner",
  },
  migration = true,
  record = function(row)
    return {
      entity = "lead",
      key = { number = row.number },
      set = {
        name = row.name,
        company = row.company,
        phone = row.phone,
        email = row.email,
        source = row.source,
        region = row.region,
        score = math.tointeger(tonumber(row.score)),
        stage = row.stage,
        owner = mill.ref("position", { code = row.owner }),
      },
    }
  end,
}
