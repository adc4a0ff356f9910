-- plugins/product/tests/product_test.lua

test("a product's name is its own", function()
  mill.db.product:create { name = "Test pump" }

  expect(function() mill.db.product:create { name = "Test pump" } end):fails("name")
end)

test("a delivery mode is one of the three", function()
  local product = mill.db.product:create { name = "Test valve", delivery_mode = "professional" }

  expect(product.delivery_mode):is("professional")
  expect(function()
    mill.db.product:create { name = "Test tap", delivery_mode = "by hand" }
  end):fails("delivery_mode")
end)

test("a list price is exact", function()
  local price = mill.money("0.10", "USD")

  local product = mill.db.product:create { name = "Test seal", list_price = price }

  expect(tostring(mill.db.product:get(product.id).list_price)):is("0.10")
end)
