-- plugins/console/tests/pages_test.lua

test("the files of the console are open, and allow nothing inline or from elsewhere", function()
  for _, path in ipairs { "/", "/console.css", "/console.js", "/console.svg" } do
    local answer = request(nil, "GET", path)

    expect(answer.status):is(200)
    expect(answer.headers["content-security-policy"]):has("default-src 'self'")
    expect(answer.headers["content-security-policy"]:find("unsafe", 1, true)):is_nil()
  end
end)

test("the first page has no script, style or handler of its own", function()
  local page = request(nil, "GET", "/").body

  expect(page:find("<style", 1, true)):is_nil()
  expect(page:find(" style=", 1, true)):is_nil()
  expect(page:find("<script>", 1, true)):is_nil()
  expect(page:find(" on%l+=")):is_nil()
end)

-- Words of the data: their keys are put together from what the API answers.
local FAMILIES = { stage = true, value = true, fact = true, outcome = true, attempt = true }

test("each text of the console is used somewhere", function()
  local source = request(nil, "GET", "/console.js").body
    .. request(nil, "GET", "/console-api.js").body .. request(nil, "GET", "/console-generations.js").body
  local texts = request(nil, "GET", "/console-texts.js").body
  local unused, count = {}, 0

  for key in texts:gmatch("\n  '([%w_.]+)': %[") do
    local family, rest = key:match("^(%w+)%.([%w_]+)$")
    local _, times = (source .. texts):gsub("'" .. key:gsub("%.", "%%.") .. "'", "")
    -- A title by the name of its section, a label by the name of its field.
    local part = rest == "title" and family or (family == "lead" or family == "generations") and rest
    local composed = part and source:find("'" .. part .. "'", 1, true)
    count = count + 1
    if times < 2 and not composed and not FAMILIES[family] then
      unused[#unused + 1] = key
    end
  end

  expect(count > 100):is(true)
  expect(table.concat(unused, " ")):is("")
end)
