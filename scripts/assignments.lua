-- scripts/assignments.lua: who gets it. What depends on what others got meanwhile is no fact of a decision: a decision
-- returns a selector, and this takes a seat in the ledger, in the same transaction, as its own recorded step.

local clock = require "core.clock"
local context = require "context"
local id = require "core.id"
local people_sql = require "sql.people"
local records = require "entities.records"
local registry = require "entities.registry"
local store = require "core.store"

local assignments = {}

-- So many candidates are written down, each as [inner id of the position, how many it has taken].
local MAX_FIGURES = 50

--- The kind and the code of a selector, or nil when it is none.
---@param selector string
---@return string|nil kind
---@return string|nil code
function assignments.parse(selector)
  local kind, code = tostring(selector):match("^(%l+):(.+)$")
  if kind and people_sql.seats[kind] then
    return kind, code
  end
  return nil
end

--- Takes the next seat that a selector offers: of the chairs that are filled today by somebody whose role takes work,
--- the one that has taken fewest by this selector, and of those the one whose turn was longest ago.
---@param selector string `unit:CODE` (the unit and all below it) or `position:CODE`
---@param subject table the record that is assigned
---@return table|nil position a record, or nil when nobody is there
function assignments.assign(selector, subject)
  local kind, code = assignments.parse(selector)
  if not kind then
    error(("mill.assign: %q is no selector; possible are unit:CODE and position:CODE"):format(tostring(selector)), 0)
  end
  local ctx = context.current()
  local today = clock.today(ctx.at)
  local seats, candidates, position = store.figures(MAX_FIGURES, people_sql.seats[kind], selector, today, today, code)
  local txn, entity = context.txn(ctx), records.entity_of(subject)
  if position then
    store.run(people_sql.take_seat, selector, position, id.new())
  end
  store.run(people_sql.add_assignment, id.new(), ctx.at, txn, selector, position, entity and entity.name,
    entity and id.open(subject.id), '{"candidates":' .. candidates .. ',"seats":' .. seats .. "}")
  return position and records.copy(records.load(registry.get "position", position)) or nil
end

return assignments
