-- scripts/money.lua: amounts of money as values. Stored as whole minor units of their currency (ISO 4217).

local decimal = require "core.decimal"

local money = {}

-- Currencies whose minor unit is not a hundredth (ISO 4217, table A.1).
local digits = {
  BHD = 3, BIF = 0, CLP = 0, DJF = 0, GNF = 0, IQD = 3, ISK = 0, JOD = 3, JPY = 0, KMF = 0, KRW = 0, KWD = 3,
  LYD = 3, OMR = 3, PYG = 0, RWF = 0, TND = 3, UGX = 0, UYI = 0, VND = 0, VUV = 0, XAF = 0, XOF = 0, XPF = 0,
}

---@param currency string
---@return boolean
function money.is_currency(currency)
  return type(currency) == "string" and currency:find("^%u%u%u$") ~= nil
end

--- How many digits a currency has after the point.
---@param currency string
---@return integer
function money.digits(currency)
  return digits[currency] or 2
end

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
