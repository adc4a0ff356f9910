-- scripts/decisions/tests.lua: unary tests, as cells of decision tables hold them, turned into Lua source.
--
-- The grammar is a part of DMN's S-FEEL (OMG DMN 1.3, 9.1): "-", comparisons, ranges, lists of these, not(…);
-- values are numbers, quoted texts, true, false and null. A comparison with a fact that is null
-- never matches. A fact that is an amount (core.decimal) is compared with numbers by its value,
-- exactly.

local lpeg = require "lpeg"

local P, R, S, V, C, Ct, Cp, Cc = lpeg.P, lpeg.R, lpeg.S, lpeg.V, lpeg.C, lpeg.Ct, lpeg.Cp, lpeg.Cc

local tests = {}

local space = S " \t\n"^0
local function token(pattern)
  return pattern * space
end

local number = C(P "-"^-1 * R "09"^1 * (P "." * R "09"^1)^-1) / function(text)
  return { kind = "number", source = tostring(math.tointeger(tonumber(text)) or tonumber(text)),
    text = text }
end
local text = P '"' * C((1 - P '"')^0) * P '"' / function(value)
  return { kind = "string", source = ("%q"):format(value):gsub("\n", "n") }
end
local word_end = -(R("az", "AZ", "09") + P "_")
local constant = (P "true" * word_end * Cc "true" + P "false" * word_end * Cc "false") / function(value)
  return { kind = "boolean", source = value }
end
local null = P "null" * word_end / function()
  return { kind = "null", source = "nil" }
end

local grammar = P {
  "cell",
  cell = space * (V "any" + V "negated" + V "list") * Cp(),
  any = token(P "-") * -1 / function() return { test = "any" } end,
  negated = token(P "not") * token(P "(") * V "list" * token(P ")") / function(list) return { test = "not", list } end,
  list = Ct(V "one" * (token(P ",") * V "one")^0) / function(list) list.test = "list" return list end,
  one = V "range" + V "compared" + V "equal",
  compared = token(C(P "<=" + P ">=" + P "<" + P ">")) * V "value" / function(operator, value)
    return { test = "compare", operator = operator, value = value }
  end,
  range = token(C(S "[(")) * V "value" * token(P "..") * V "value" * token(C(S "])")) / function(open, low, high, close)
    return { test = "range", open = open, low = low, high = high, close = close }
  end,
  equal = V "value" / function(value) return { test = "equal", value = value } end,
  value = token(number + text + constant + null),
}

local expected = [[expected -, a value, a comparison such as >= 80, a range such as [50..80), a list of these, or not(…)]]

local emit

-- Sign, digits before and digits after the point of a decimal, without zeros that say nothing.
local function digits_of(decimal)
  local sign, whole, fraction = decimal:match("^(%-?)0*(%d*)%.?(%d-)0*$")
  return sign == "-" and whole .. fraction ~= "", whole, fraction
end

local function sign_of_difference(a, b)
  local a_negative, a_whole, a_fraction = digits_of(a)
  local b_negative, b_whole, b_fraction = digits_of(b)
  if a_negative ~= b_negative then
    return a_negative and -1 or 1
  end
  local larger = a_negative and -1 or 1
  if #a_whole ~= #b_whole then
    return #a_whole > #b_whole and larger or -larger
  elseif a_whole ~= b_whole then
    return a_whole > b_whole and larger or -larger
  elseif a_fraction ~= b_fraction then
    return a_fraction > b_fraction and larger or -larger
  end
  return 0
end

local by_operator = {
  ["=="] = function(sign) return sign == 0 end,
  ["<"] = function(sign) return sign < 0 end,
  ["<="] = function(sign) return sign <= 0 end,
  [">"] = function(sign) return sign > 0 end,
  [">="] = function(sign) return sign >= 0 end,
}

-- What compiled cells find: `amount(fact, operator, text)` compares an amount with a number.
tests.environment = {
  type = type,
  amount = function(fact, operator, wanted)
    return by_operator[operator](sign_of_difference(tostring(fact), wanted))
  end,
}

local function as_amount(fact, operator, value)
  return ('type(%s) == "userdata" and amount(%s, %q, %q)'):format(fact, fact, operator, value.text)
end

local function compare(fact, operator, value)
  if value.kind == "boolean" or value.kind == "null" then
    error(("only numbers and texts can be compared with %s"):format(operator), 0)
  end
  local plain = ("type(%s) == %q and %s %s %s"):format(
    fact, value.kind, fact, operator, value.source)
  return value.kind == "number" and ("(%s or %s)"):format(plain, as_amount(fact, operator, value))
    or "(" .. plain .. ")"
end

local function equals(fact, value)
  local plain = ("%s == %s"):format(fact, value.source)
  return value.kind == "number" and ("(%s or %s)"):format(plain, as_amount(fact, "==", value))
    or "(" .. plain .. ")"
end

local emitters = {
  any = function() return "true" end,
  equal = function(test, fact) return equals(fact, test.value) end,
  compare = function(test, fact) return compare(fact, test.operator, test.value) end,
  range = function(test, fact)
    if test.low.kind ~= test.high.kind then
      error("both ends of a range must be of one kind", 0)
    end
    return ("(%s and %s)"):format(compare(fact, test.open == "[" and ">=" or ">", test.low), compare(fact, test.close == "]" and "<=" or "<", test.high))
  end,
  list = function(test, fact)
    local parts = {}
    for i, one in ipairs(test) do
      parts[i] = emit(one, fact)
    end
    return #parts == 1 and parts[1] or "(" .. table.concat(parts, " or ") .. ")"
  end,
}
emitters["not"] = function(test, fact)
  return ("(%s ~= nil and not %s)"):format(fact, emit(test[1], fact))
end

-- Of which kinds the values of a test are: a set.
local function kinds_of(test, kinds)
  for _, value in pairs { test.value, test.low, test.high } do
    kinds[value.kind] = true
  end
  for _, one in ipairs(test) do
    kinds_of(one, kinds)
  end
  return kinds
end

function emit(test, fact)
  return emitters[test.test](test, fact)
end

--- The Lua expression of a cell.
---@param cell string
---@param fact string the Lua expression of the fact's value
---@return string|nil expression
---@return string|nil fault
---@return table|nil kinds of the values in it: a set of number, string, boolean, null
function tests.compile(cell, fact)
  if type(cell) ~= "string" then
    return nil, "a cell is a text"
  end
  local tree, stopped = grammar:match(cell)
  if not tree then
    return nil, expected
  elseif stopped <= #cell then
    return nil, ("%s; stopped before %q"):format(expected, cell:sub(stopped))
  end
  local ok, expression = pcall(emit, tree, fact)
  if not ok then
    return nil, tostring(expression)
  end
  return expression, nil, kinds_of(tree, {})
end

return tests
