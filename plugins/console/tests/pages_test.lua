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
