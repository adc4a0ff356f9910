-- tests/scripts/imports_test.lua: slices of an import, in the home lane.

local clock = require "core.clock"
local imports = require "imports"
local json = require "core.json"
local task = require "core.task"

local function run_slice(rows)
  imports.by_name["test.slices"] = { name = "test.slices", version = "1.0.0" }
  local ok, answer = pcall(imports.slice, json.encode { mapping = "test.slices", rows = rows })
  imports.by_name["test.slices"] = nil
  return ok and json.decode(answer).results or error(answer, 0)
end

local function rows_of(count)
  local rows = {}
  for i = 1, count do
    local given = { entity = "product", key = { name = "Slice " .. i }, set = {} }
    rows[i] = { line = i + 1, records = { given } }
  end
  return rows
end

test("a slice of an import ends when its time is over, with the rows done so far", function()
  local mono, now = clock.mono, 0
  clock.mono = function() -- each row takes 15 ms
    now = now + 15000000
    return now
  end
  local ok, results = pcall(run_slice, rows_of(9))
  clock.mono = mono

  expect(ok):is_true()
  expect(#results):is(3)
  expect(results[3]):is { line = 4, counts = { created = 1, changed = 0, unchanged = 0 } }
  expect(mill.db.product:find { name = "Slice 3" }):is_not(nil)
  expect(mill.db.product:find { name = "Slice 4" }):is_nil()
end)

test("a slice of an import does one row, however long it takes", function()
  local mono, now = clock.mono, 0
  clock.mono = function()
    now = now + 1000000000
    return now
  end
  local ok, results = pcall(run_slice, rows_of(2))
  clock.mono = mono

  expect(ok):is_true()
  expect(#results):is(1)
end)

test("a slice of an import ends soon when people wait", function()
  local mono, people_wait, now = clock.mono, task.people_wait, 0
  clock.mono = function() -- each row takes 2 ms
    now = now + 2000000
    return now
  end
  task.people_wait = function()
    return true
  end
  local ok, results = pcall(run_slice, rows_of(9))
  clock.mono, task.people_wait = mono, people_wait

  expect(ok):is_true()
  expect(#results):is(3)
end)
