-- scripts/places.lua: where things stand in the files of plugins, so that a message can say it.
--
-- A place is shown by tostring: "plugins/lead/entities.lua:14". Of a declaration, Lua tells the
-- line; where a field or a row in it stands is read from the file's text when somebody asks.

local generation = require "core.generation"
local lpeg = require "lpeg"

local places = {}

local P, R, S, V, C, Cc, Cg, Cmt, Cp, Ct = lpeg.P, lpeg.R, lpeg.S, lpeg.V, lpeg.C, lpeg.Cc,
  lpeg.Cg, lpeg.Cmt,
  lpeg.Cp, lpeg.Ct

-- As much of Lua's grammar as it takes to find the items of a table: what is neither text, comment,
-- bracket nor block has no meaning here.
local bracket = Cmt(P "[" * C(P "="^0) * "[", function(text, at, level)
  local _, stop = text:find("]" .. level .. "]", at, true)
  return stop and stop + 1 or #text + 1
end) / 0
local comment = "--" * (bracket + (1 - P "\n")^0)
local blank = S " \t\r\n" + comment
local space = blank^0
local function quoted(mark)
  return mark * ("\\" * P(1) + 1 - S(mark .. "\n"))^0 * P(mark)^-1
end
local letter = R("az", "AZ", "09") + "_"
local function word(text)
  return P(text) * -letter
end
local silent = blank + bracket + quoted '"' + quoted "'"
local opens, ends = word "function" + word "if" + word "do", word "end"

local items = P {
  "first",
  first = (silent + letter^1 + (1 - S "{"))^0 * V "table",
  table = "{" * space * Ct((V "item" * (S ",;" * space * V "item")^0)^-1) * S ",;"^-1 * space * "}",
  item = Ct(Cg(Cp(), "at") * V "key"^-1 * (Cg(V "table", "items") * space * #S ",;}" + V "value")),
  key = Cg(C(letter^1), "key") * space * "=" * -P "=" * space
    + "[" * (V "skipped" - "]")^1 * "]" * space * "=" * -P "=" * space * Cg(Cc(false), "key"),
  value = (V "skipped" - S ",;}")^1,
  skipped = silent + V "block" + letter^1 + V "round" + V "square" + V "curly" + (1 - S ")]}"),
  block = opens * (silent + V "block" + (letter^1 - ends) + (1 - letter))^0 * ends,
  round = "(" * (V "skipped" - ")")^0 * ")",
  square = "[" * (V "skipped" - "]")^0 * "]",
  curly = "{" * (V "skipped" - "}")^0 * "}",
}

local function start_of_line(text, line)
  local at = 1
  for _ = 2, line do
    at = (text:find("\n", at, true) or #text) + 1
  end
  return at
end

local function line_at(text, at)
  local _, count = text:sub(1, at - 1):gsub("\n", "")
  return count + 1
end

local function find(list, name)
  local count = 0
  for _, item in ipairs(list or {}) do
    count = count + (item.key == nil and 1 or 0)
    if item.key == name and name or item.key == nil and count == name then
      return item
    end
  end
  return nil
end

local Place = { __name = "place" }

function Place.__tostring(self)
  local file, line = self.where:match("^(.*):(%d+)$")
  local text = file and generation.text(file)
  local list = text and items:match(text, start_of_line(text, tonumber(line)))
  for _, name in ipairs(self.path) do
    local item = find(list, name)
    if not item then
      break
    end
    line, list = line_at(text, item.at), item.items
  end
  return file and ("%s:%s"):format(file, line) or self.where
end

--- The place of an item of a declaration: `places.item(where, "rows", 5)` is that of the fifth row.
--- Where the file makes the item in another way than by writing it down, it is the place of what
--- holds it.
---@param where string of the declaration
---@return table
function places.item(where, ...)
  return setmetatable({ where = tostring(where), path = { ... } }, Place)
end

--- The place of the plugin's code that runs: the innermost that is none of the framework's; nil
--- when there is none.
---@return string|nil
function places.caller()
  local level = 2
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then
      return nil
    elseif info.currentline > 0 and info.source:sub(1, 1) == "@"
        and not info.source:find("^@scripts/") then
      return ("%s:%d"):format(info.source:sub(2), info.currentline)
    end
    level = level + 1
  end
end

local Located = { __name = "located" }

function Located.__tostring(self)
  return self.words
end

--- Runs `f(…)`; what it raises says at its beginning where it stands: at the innermost place that
--- is known.
function places.within(where, f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then
    return table.unpack(results, 2, results.n)
  elseif debug.getmetatable(results[2]) == Located then
    error(results[2], 0)
  end
  error(setmetatable({ words = ("%s: %s"):format(tostring(where), tostring(results[2])) },
    Located), 0)
end

return places
