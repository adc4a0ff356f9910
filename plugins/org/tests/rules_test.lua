-- plugins/org/tests/rules_test.lua: what must hold for the organisation.

local function unit(code, parent)
  return mill.db.unit:create { code = code, name = "Unit " .. code, parent = parent and parent.id }
end

local function put(inner, outer)
  return request("admin", "PATCH", "/api/v1/unit/" .. inner.id, { parent = outer.id })
end

test("a unit cannot be a part of itself, however long the circle", function()
  local top = unit("t-top")
  local middle = unit("t-middle", top)
  local bottom = unit("t-bottom", middle)

  for _, outer in ipairs { top, middle, bottom } do
    local answer = put(top, outer)

    expect(answer.status):is(422)
    expect(answer.body.errors[1].field):is("parent")
    expect(answer.body.errors[1].code):is("circle")
  end
  expect(mill.db.unit:get(top.id).parent):is_nil()
  expect(put(bottom, top).status):is(200)
end)

test("units are at most 20 deep", function()
  local deepest = unit("t-0")
  for i = 1, 19 do
    deepest = unit("t-" .. i, deepest)
  end

  local answer = request("admin", "POST", "/api/v1/unit", {
    code = "t-20", name = "Too deep", parent = deepest.id,
  })

  expect(answer.status):is(422)
  expect(answer.body.errors[1].code):is("too_deep")
end)
