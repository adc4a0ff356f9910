-- scripts/i18n.lua: which language a caller reads, and texts in it.

local texts = require "texts"

local i18n = {}

i18n.languages = { "en", "zh" }

--- The language that suits an Accept-Language header best (RFC 9110 section 12.5.4).
---@param header string|nil
---@return "en"|"zh"
function i18n.choose(header)
  if not header then
    return "en"
  end
  local best, best_weight = "en", 0
  for range in header:gmatch("[^,]+") do
    local tag = range:match("^%s*([%w%-%*]+)")
    local weight = tonumber(range:match(";%s*q=([%d%.]+)")) or 1
    local language = tag and tag:lower():match("^%a+")
    if (language == "en" or language == "zh") and weight > best_weight then
      best, best_weight = language, weight
    end
  end
  return best
end

local function fill(text, values)
  return (text:gsub("{([%a_]+)}", function(name)
    local value = values and values[name]
    return value ~= nil and tostring(value) or nil
  end))
end

--- One of the framework's texts, filled in, in every language.
---@param code string a key of scripts/texts.lua
---@param values table|nil what `{name}` stands for; a value may itself be `{ en, zh }`
---@return table text `{ en = …, zh = … }`
function i18n.text(code, values)
  local text = texts[code] or error("there is no text " .. code, 2)
  local filled = {}
  for _, language in ipairs(i18n.languages) do
    local own = {}
    for name, value in pairs(values or {}) do
      own[name] = type(value) == "table" and value[language] or value
    end
    filled[language] = fill(text[language], own)
  end
  return filled
end

--- A text in one language; plain strings are the same in all.
---@param text table|string
---@param language string
---@return string
function i18n.say(text, language)
  return type(text) == "table" and (text[language] or text.en) or text
end

return i18n
