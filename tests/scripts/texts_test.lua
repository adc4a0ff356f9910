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

test("mill.text knows what Unicode and the languages say", function()
  expect(mill.text.fold "ＡＢＣ Straße"):is "abc strasse"
  expect(mill.text.fold(mill.text.fold "ﬁ ①")):is "fi 1"
  expect(mill.text.pinyin "张伟 (上海)"):is "zhang wei (shang hai)"
  expect(table.concat(mill.text.words("上海有限公司", "zh"), "|")):is "上海|有限公司"
  expect(mill.text.sort_key("陈", "zh") < mill.text.sort_key("张", "zh")):is_true()
  expect(mill.text.number(1234567)):is "1,234,567"
  expect(mill.text.number(mill.money("1234.50", "CNY"), "zh")):is "¥1,234.50"
  expect(mill.text.date("2026-11-24", "zh")):is "2026年11月24日"
  expect(mill.text.date "2026-11-24"):is "Nov 24, 2026"
  expect(mill.text.time("2026-11-24T16:00:00Z", "Asia/Shanghai", "zh", "long")):is "2026年11月25日 00:00:00"
  expect(function() mill.text.sort_key(("x"):rep(70000)) end):fails "65536"
  expect(function() mill.text.time("now", "Asia/Shanghai") end):fails "no time"
  expect(function() mill.text.time(mill.now(), "Shanghai") end):fails "time zone"
  expect(function() mill.text.shout "x" end):fails "there is no mill.text.shout"
  expect(function() mill.text.fold = nil end):fails "cannot be changed" -- luacheck: ignore 122
  expect(function() mill.text.fold(("x"):rep(300000)) end):fails "262144"
end)
