-- tests/scripts/registry_test.lua: what is wrong in a declaration is refused when it is loaded.

local registry = require "entities.registry"

local label = { en = "Test", zh = "测试" }

test("an entity has one state at most, also with the fields that others add", function()
  local phase, step = { "phase", "state", label = label }, { "step", "state", label = label }

  expect(function()
    registry.declare("t_two", { label = label, fields = { phase, step } }, "test")
  end):fails "t_two.step: the entity has a state already, phase"
  expect(registry.get "t_two"):is_nil()
  expect(function()
    registry.extend("lead", { fields = { phase } }, "test")
  end):fails "lead.phase: the entity has a state already, stage"
end)
