-- config/clients/demo/import/account.lua: customers. Region and unit stay empty: the data does not
-- say who is responsible for a customer, and nearly every one has opportunities in all three
-- regions.

local spelling = {
  sector = { technolgy = "technology" },
  office_location = { Philipines = "Philippines" },
}

local function given(text)
  return text ~= "" and text or nil
end

-- A whole number; what is none stays as it is, for the field to refuse.
local function number(text)
  return text:find("^%-?%d+%.?0*$") and math.tointeger(tonumber(text)) or given(text)
end

-- "1100.04" millions are 1100040000.00: by text, since a float would not be exact.
local function of_millions(text)
  local whole, fraction = text:match("^(%d+)%.?(%d*)$")
  if not whole or #fraction > 8 then
    error(mill.problem {
      status = 422, field = "revenue", code = "millions",
      message = {
        en = "a number of millions is needed, such as 1100.04",
        zh = "需要以百万计的数字，例如 1100.04",
      },
    })
  end
  local digits = fraction .. ("0"):rep(8 - #fraction)
  local units = (whole .. digits:sub(1, 6)):gsub("^0+(%d)", "%1")
  return mill.money(units .. "." .. digits:sub(7), "USD")
end

return mill.mapping "account" {
  title = { en = "Accounts", zh = "客户" },
  columns = {
    "account", "sector", "year_established", "revenue", "employees", "office_location",
    "subsidiary_of",
  },
  from = { name = "account", founded = "year_established", country = "office_location" },
  record = function(row, note)
    local function spelt(column)
      local right = spelling[column][row[column]]
      if right then
        note(column)
      end
      return right or row[column]
    end

    return {
      entity = "customer",
      key = { name = row.account },
      set = {
        sector = spelt "sector",
        founded = number(row.year_established),
        revenue = of_millions(row.revenue),
        employees = number(row.employees),
        country = spelt "office_location",
      },
    }
  end,
  notes = {
    sector = {
      en = "sector technolgy: read as technology",
      zh = "行业 technolgy 更正为 technology",
    },
    office_location = {
      en = "country Philipines: read as Philippines",
      zh = "国家 Philipines 更正为 Philippines",
    },
  },
}
