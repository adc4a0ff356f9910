-- tests/lint/reference_test.lua: that tests/lint/reference.lua sees what it must see, and nothing else. Each case changes one
-- of the files and names a part of the one fault that follows.

local reference = require "tests.lint.reference"

local API, STUB, GUIDE = "scripts/api.lua", "scripts/types/mill.lua", "docs/plugin-api.md"

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- { file, what stands there, what stands there instead, the faults that must be told }
local cases = {
  { API, "function mill.today()", "function mill.yesterday()", {
    "mill.lua: it lacks mill.yesterday", "api.lua: it lacks mill.today" } },
  { API, "handles = { as = as }", "handles = { with = as }", { "api.lua: it lacks Db:as" } },
  { API, "function methods.archive(", "function methods.hide(", {
    "mill.lua: it lacks Records:hide", "api.lua: it lacks Records:archive" } },
  { API, "mill.page = declaration", "mill.side = declaration", {
    "mill.lua: it lacks mill.side", "api.lua: it lacks mill.page" } },
  { STUB, "function mill.now() end", "", { "mill.lua: it lacks mill.now", "mill.lua: it lacks mill.now" } },
  { STUB, "function Amount:scale() end", "", { "mill.lua: it lacks Amount:scale" } },
  { STUB, "function mill.decide(name, record)", "function mill.decide(name)", { "mill.decide(name, record) is mill.decide(name)" } },
  { STUB, "---@field null", "---@field nothing", {
    "mill.lua: it lacks mill.null", "api.lua: it lacks mill.nothing", "mill.lua: it lacks mill.null",
    "plugin-api.md: it lacks mill.nothing" } },
  { STUB, "---@field invariant?", "---@field must?", {
    "mill.lua: it lacks mill.Rule.invariant", "mill.lua: it lacks mill.Rule.invariant", "rules.lua: it lacks mill.Rule.must",
    "plugin-api.md: it lacks mill.Rule.must" } },
  { GUIDE, "### `mill.today()`", "### Today", { "plugin-api.md: it lacks mill.today" } },
  { GUIDE, "### `mill.entity \"name\" { … }`", "### `mill.entity \"title\" { … }`", { "mill.entity(title) is mill.entity(name)" } },
  { GUIDE, "| `limit` |", "| `most` |", {
    "plugin-api.md: it lacks mill.Question.limit", "mill.lua: it lacks mill.Question.most" } },
  { GUIDE, "| `timestamp` |", "| `moment` |", { "plugin-api.md: it lacks the type timestamp", "types.lua: it lacks the type moment" } },
  { "scripts/rules.lua", "invariant = true }", "invariant = true, priority = true }", { "mill.lua: it lacks mill.Rule.priority" } },
  { "scripts/entities/types.lua", "types.date =", "types.colour = 1\ntypes.date =", { "plugin-api.md: it lacks the type colour" } },
}

local wrong = 0
local function fail(text, ...)
  print("tests/lint/reference_test.lua: " .. text:format(...))
  wrong = wrong + 1
end

for _, case in ipairs(cases) do
  local path, from, to, wanted = table.unpack(case)
  local before = read(path)
  local at, stop = before:find(from, 1, true)
  if not at then
    fail("%s has no %q to change", path, from)
  else
    local after = before:sub(1, at - 1) .. to .. before:sub(stop + 1)
    local faults = reference.check(function(name) return name == path and after or read(name) end)
    local told = {}
    for _, part in ipairs(wanted) do
      for i, one in ipairs(faults) do
        if not told[i] and one:find(part, 1, true) then
          told[i] = true
          break
        end
      end
    end
    local count = 0
    for _ in pairs(told) do
      count = count + 1
    end
    if count ~= #wanted or #faults ~= #wanted then
      fail("%s with %q: expected %s, got:\n  %s", path, to, table.concat(wanted, "; "), table.concat(faults, "\n  "))
    end
  end
end

os.exit(wrong == 0)
