-- tests/scripts/clock_test.lua: the clock of tests is virtual once it is set, and what asks for the time follows it.

local core_clock = require "core.clock"
local alarm = require "core.alarm"

test("mill.now stands still at the time that was set, and moves when told to", function()
  clock.set "2026-02-27T23:30:00+01:00"

  expect(mill.now()):is "2026-02-27T22:30:00.000Z"
  expect(mill.today()):is "2026-02-27"
  expect(mill.after "4h"):is "2026-02-28T02:30:00.000Z"
  clock.advance "2d"
  expect(mill.now()):is "2026-03-01T22:30:00.000Z"
end)

test("the next test has the machine's clock again", function()
  expect(core_clock.now() > core_clock.parse "2026-03-02T00:00:00Z"):is_true()
end)

test("what happens in a test carries its time", function()
  clock.set "2031-01-01T00:00:00Z"
  local unit = mill.db.unit:create { code = "later", name = "Later" }
  clock.advance "90d"
  unit = mill.db.unit:update(unit, { name = "Later still" })

  expect(unit.created_at):is "2031-01-01T00:00:00.000Z"
  expect(unit.changed_at):is "2031-04-01T00:00:00.000Z"
end)

test("ninety days pass at once while an alarm is waited for", function()
  clock.set "2031-01-01T00:00:00Z"

  expect(alarm.new():wait(90 * 86400000)):is "time"
  expect(core_clock.format(core_clock.now())):is "2031-04-01T00:00:00.000Z"
end)

test("a unit of work does not wait by the machine's clock", function()
  expect(function()
    alarm.new():wait(1)
  end):fails "a unit of work cannot wait"
end)

test("a time or a duration that is none is told", function()
  expect(function() clock.set "tomorrow" end):fails "no time"
  expect(function() clock.advance "soon" end):fails "no duration"
end)
