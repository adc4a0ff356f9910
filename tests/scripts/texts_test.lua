-- tests/scripts/texts_test.lua: the framework's texts are all used, in both languages.

local generation = require "core.generation"
local texts = require "texts"

local function source_of_scripts()
  local parts = {}
  for _, path in ipairs(generation.files "scripts/") do
    parts[#parts + 1] = path ~= "scripts/texts.lua" and generation.text(path) or nil
  end
  return table.concat(parts, "\n")
end

-- Texts whose key is put together: problem.CODE from a problem's code, field.TYPE of a type's own
-- check, json.CODE from what core/text/json_in.c found.
local function is_used(key, source)
  local family, rest = key:match("^(%l+)%.(.+)$")
  if source:find('"' .. key .. '"', 1, true) or family == "json" then
    return true
  elseif family == "problem" then
    return source:find(('"%s"'):format(rest), 1, true) ~= nil
  elseif family == "permission" then
    return source:find(('%s = "%%a+"'):format(rest)) ~= nil
  end
  return family == "field" and source:find(("types%%.%s = text_type"):format(rest)) ~= nil
end

test("each text is used somewhere", function()
  local source, unused = source_of_scripts(), {}

  for key in pairs(texts) do
    unused[#unused + 1] = not is_used(key, source) and key or nil
  end

  expect(#source > 100000):is_true()
  expect(table.concat(unused, " ")):is ""
end)

test("each text says the same in both languages, as far as its values tell", function()
  for key, text in pairs(texts) do
    local values = { en = {}, zh = {} }
    for _, language in ipairs { "en", "zh" } do
      for name in text[language]:gmatch("{([%a_]+)}") do
        values[language][name] = true
      end
    end
    expect({ key, values.zh }):is { key, values.en }
  end
end)
