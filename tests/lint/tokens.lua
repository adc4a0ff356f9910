-- tests/lint/tokens.lua: C and Lua cut into tokens, as far as tests/lint/rooms.lua needs it.
--
-- A token is { kind, text, line }: `comment` and `string` (their inside), `name`, `number`, `symbol` (one character);
-- in C also `include`, with `quoted` when it stood in quotes.

local tokens = {}

-- Walks `text` by `rules`, a list of { pattern, kind } tried in order at each place; a pattern's first capture is the
-- token's text, and a kind `false` drops it. A rule may be a function(text, at) → end, kind, inside, quoted.
local function cut(text, rules)
  local list = {}
  local at, line = 1, 1
  while at <= #text do
    local stop, kind, inside, quoted
    for _, rule in ipairs(rules) do
      if type(rule) == "function" then
        stop, kind, inside, quoted = rule(text, at)
      else
        local _, last, capture = text:find("^" .. rule[1], at)
        stop, kind, inside = last, rule[2], capture
      end
      if stop then
        break
      end
    end
    if not stop then
      stop, kind, inside = at, "symbol", text:sub(at, at)
    end
    if kind then
      list[#list + 1] = { kind = kind, text = inside, line = line, quoted = quoted }
    end
    line = line + select(2, text:sub(at, stop):gsub("\n", ""))
    at = stop + 1
  end
  return list
end

-- A string in `quote`, with backslashes.
local function quoted_by(quote)
  return function(text, at)
    if text:sub(at, at) ~= quote then
      return nil
    end
    local stop = at + 1
    while stop <= #text and text:sub(stop, stop) ~= quote do
      stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
    end
    return math.min(stop, #text), "string", text:sub(at + 1, stop - 1)
  end
end

local function include(text, at)
  if at > 1 and text:sub(at - 1, at - 1) ~= "\n" then
    return nil
  end
  local _, stop, open, name = text:find('^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]*)[>"]', at)
  if stop then
    return stop, "include", name, open == '"'
  end
end

-- Lua's long brackets, after `prefix`.
local function long(prefix, kind)
  return function(text, at)
    local _, opened, level = text:find("^" .. prefix .. "%[(=*)%[", at)
    if not opened then
      return nil
    end
    local close, stop = text:find("]" .. level .. "]", opened + 1, true)
    return stop or #text, kind, text:sub(opened + 1, (close or #text + 1) - 1)
  end
end

local space = { "%s+", false }
local name = { "([%a_][%w_]*)", "name" }
local number = { "(%d[%w.]*)", "number" }

function tokens.c(text)
  return cut(text, {
    include, space, { "/%*(.-)%*/", "comment" }, { "//([^\n]*)", "comment" }, quoted_by '"', quoted_by "'", name, number,
  })
end

function tokens.lua(text)
  return cut(text, {
    space, long("%-%-", "comment"), { "%-%-([^\n]*)", "comment" }, long("", "string"), quoted_by '"', quoted_by "'", name,
    number,
  })
end

return tokens
