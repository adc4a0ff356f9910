-- scripts/entities/types.lua: the field types: how a value is checked, stored, read back and compared.
--
-- A type is a table:
--   columns(field)              the columns of the field: { { suffix, kind } … }; kind is INTEGER or TEXT
--   read(field, value)          a value as it comes from JSON or from Lua → its column values, in order, or
--                               nil and a fault { code, values }; nil alone: it is as good as empty
--   load(field, first, …)       column values → the value in a record, never called for NULL
--   merge(before, given)        what a merge patch of a value that has parts comes to (may be missing)
--   max                         how many characters a text has at most, where its field says nothing
--   operators                   which filters it has
--   operand(field, text)        a filter's text → the value to compare with, or nil and a fault
--   sort                        the suffix of the column to sort and compare by, or false
--   shown                       how a column is written as JSON (core/script/bind_projection.c)
--   sum                         the suffix of the column to sum, and sum_value(total) to give it back
--
-- In a record (Lua and JSON alike) ids and references are opaque strings, dates and times are texts, amounts are
-- values of core.decimal.

local clock = require "core.clock"
local context = require "context"
local decimal = require "core.decimal"
local fields = require "core.fields"
local id = require "core.id"
local money = require "money"
local settings = require "settings"
local text = require "core.text"

local types = {}

local equality = { "eq", "ne", "in", "null" }
local ordered = { "eq", "ne", "lt", "le", "gt", "ge", "in", "null" }
local textual = { "eq", "ne", "lt", "le", "gt", "ge", "in", "has", "null" }

local function one_column(kind)
  return function()
    return { { "", kind } }
  end
end

local function as_is(_, value)
  return value
end

local function no_details()
  return nil
end

-- The faults that core.fields finds, and what their words need (scripts/texts.lua).
local details = {
  ["field.text"] = no_details, ["field.line"] = no_details, ["field.email"] = no_details, ["field.phone"] = no_details,
  ["field.url"] = no_details, ["field.integer"] = no_details, ["field.boolean"] = no_details, ["field.date"] = no_details,
  ["field.timestamp"] = no_details,
  ["field.too_long"] = function(field, count)
    return { max = field.max or field.kind.max, count = count }
  end,
  ["field.min"] = function(field)
    return { min = field.min }
  end,
  ["field.max"] = function(field)
    return { max = field.max }
  end,
  ["field.choice"] = function(field)
    return { values = table.concat(field.value_names, ", ") }
  end,
  ["field.reference"] = function(field)
    return { entity = field.to }
  end,
}

-- `read` of the types that core/script/bind_fields.c knows.
local function read_plain(field, value)
  field.reader = field.reader or fields.reader(field)
  local first, code, number = field.reader:read(value)
  if first ~= nil or not code then
    return first
  end
  return nil, { code, details[code](field, number) }
end

local function text_type(max)
  return {
    columns = one_column "TEXT", load = as_is, operators = textual, sort = "", shown = "text", max = max, read = read_plain,
    operand = function(field, value)
      return field.lower and text.lower(value) or value
    end,
  }
end

types.text = text_type(255)
types.long_text = text_type(100000)
types.email = text_type(254)
types.phone = text_type(40)
types.url = text_type(2000)

types.integer = {
  columns = one_column "INTEGER", load = as_is, operators = ordered, sort = "", sum = "", shown = "integer", read = read_plain,
  operand = function(_, value)
    return value:find("^%-?%d+$") and math.tointeger(tonumber(value)) or nil, { "field.integer" }
  end,
  sum_value = function(_, total)
    return total
  end,
}

types.decimal = {
  columns = one_column "INTEGER", operators = ordered, sort = "", sum = "", shown = "decimal",
  read = function(field, value)
    local amount, fault = value, nil
    if type(value) == "string" then
      amount, fault = decimal.parse(value, field.scale)
    end
    if fault == "overflow" then
      return nil, { "field.overflow" }
    elseif type(amount) ~= "userdata" or amount:currency() or amount:scale() ~= field.scale then
      return nil, { "field.decimal", { scale = field.scale } }
    end
    return amount:units()
  end,
  load = function(field, units)
    return decimal.new(units, field.scale)
  end,
  operand = function(field, value)
    local amount = decimal.parse(value, field.scale)
    return amount and amount:units(), { "field.decimal", { scale = field.scale } }
  end,
  sum_value = function(field, total)
    return decimal.new(total, field.scale)
  end,
}

-- Four columns: the amount in its currency, the same in the base currency, and the date of the rate. Filters,
-- sorts and sums use the base.
types.money = {
  columns = function()
    return { { "", "INTEGER" }, { "_currency", "TEXT" }, { "_base", "INTEGER" }, { "_rate_on", "TEXT" } }
  end,
  operators = ordered, sort = "_base", sum = "_base", shown = "money",
  read = function(field, value)
    local base = settings.base_currency()
    local amount, fault = value, nil
    if type(value) == "table" then
      for key in pairs(value) do
        if key ~= "amount" and key ~= "currency" then
          return nil, { "field.money", { currency = base } }
        end
      end
      if type(value.amount) ~= "string" or not money.is_currency(value.currency) then
        return nil, { "field.money", { currency = base } }
      end
      amount, fault = money.parse(value.amount, value.currency)
      if fault == "scale" then
        return nil, { "field.decimal", { scale = money.digits(value.currency) } }
      end
    end
    if fault == "overflow" then
      return nil, { "field.overflow" }
    elseif type(amount) ~= "userdata" or not amount:currency() then
      return nil, { "field.money", { currency = base } }
    elseif amount:currency() ~= base then
      return nil, { "field.currency", { currency = amount:currency(), base = base } }
    end
    if field.min and amount:units() < field.min * 10 ^ amount:scale() then
      return nil, { "field.min", { min = field.min } }
    end
    return amount:units(), amount:currency(), amount:units(), clock.today(context.current().at)
  end,
  load = function(_, units, currency)
    return money.of_units(units, currency)
  end,
  -- A merge patch (RFC 7396) may give the amount alone, or the currency.
  merge = function(before, given)
    if type(given) ~= "table" then
      return given
    end
    local merged = { amount = tostring(before), currency = before:currency() }
    for key, value in pairs(given) do
      merged[key] = value
    end
    return merged
  end,
  operand = function(_, value)
    local base = settings.base_currency()
    local amount = money.parse(value, base)
    return amount and amount:units(), { "field.amount", { scale = money.digits(base), currency = base } }
  end,
  sum_value = function(_, total)
    return money.of_units(total, settings.base_currency())
  end,
}

types.boolean = {
  columns = one_column "INTEGER", operators = equality, sort = "", shown = "boolean", read = read_plain,
  load = function(_, value)
    return value ~= 0
  end,
  operand = function(_, value)
    if value == "true" then
      return 1
    elseif value == "false" then
      return 0
    end
    return nil, { "field.boolean" }
  end,
}

-- The other types compare with what they would take.
local function as_read(kind)
  kind.operand = kind.read
  return kind
end

types.date = as_read {
  columns = one_column "TEXT", load = as_is, operators = ordered, sort = "", shown = "text", read = read_plain,
}

types.timestamp = as_read {
  columns = one_column "INTEGER", operators = ordered, sort = "", shown = "timestamp", read = read_plain,
  load = function(_, ms)
    return clock.format(ms)
  end,
}

types.choice = as_read {
  columns = one_column "TEXT", load = as_is, operators = equality, sort = "", shown = "text", read = read_plain,
}
types.state = types.choice

-- That the record exists, and that the actor may know it, is checked by scripts/entities/records.lua.
types.reference = as_read {
  columns = one_column "INTEGER", operators = equality, sort = "", shown = "id", read = read_plain,
  load = function(_, inner)
    return id.seal(inner)
  end,
}

-- Not for declarations: what names the record itself.
types.id = types.reference

-- The hash of a password. Never read out; a text here is a hash that `prepare` made (people/passwords.lua).
types.password = {
  columns = one_column "TEXT", operators = {}, sort = false, secret = true,
  read = function(_, value)
    if type(value) ~= "table" or type(value.hash) ~= "string" then
      return nil, { "field.password" }
    end
    return value.hash
  end,
  load = as_is,
}

return types
