-- scripts/money.lua: amounts of money as values. Stored as whole minor units of their currency (ISO 4217).

local decimal = require "core.decimal"

local money = {}

---@param currency string
---@return boolean
function money.is_currency(currency)
  return type(currency) == "string" and currency:find("^%u%u%u$") ~= nil
end

--- How many digits a currency has after the point (ISO 4217).
---@type fun(currency: string): integer
money.digits = decimal.digits

--- Reads an amount.
---@param text string such as "12.50"
---@param currency string three capital letters
---@return userdata|nil amount
---@return string|nil fault "syntax", "scale" or "overflow"
function money.parse(text, currency)
  return decimal.parse(text, money.digits(currency), currency)
end

--- An amount from whole minor units.
---@param units integer
---@param currency string
---@return userdata
function money.of_units(units, currency)
  return decimal.new(units, money.digits(currency), currency)
end

--- `mill.money("12.50", "CNY")`; raises an error for what is no amount.
function money.new(text, currency)
  if not money.is_currency(currency) then
    error("mill.money: the currency must be three capital letters, such as \"CNY\"", 2)
  end
  local amount, fault = money.parse(type(text) == "number" and tostring(text) or text, currency)
  if not amount then
    error(("mill.money: %q is no amount of %s (%s)"):format(tostring(text), currency, fault), 2)
  end
  return amount
end

return money
