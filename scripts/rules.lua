-- scripts/rules.lua: what must hold and what happens next, in the transaction in which it happens.
--
-- When a request has made its changes, `settle` looks at the *net* change of each record: first every invariant
-- (one that raises fails the request), then the reactions, each at most once for a record and unit of work, each in
-- its own savepoint. A reaction that fails is undone and logged with its file and line, and fails nobody. What
-- reactions change is settled in the same way until nothing is left to do.

local context = require "context"
local decisions = require "decisions"
local log = require "core.log"
local misspelt = require "misspelt"
local net = require "entities.net"
local places = require "places"
local problem = require "problem"
local raised = require "raised"
local records = require "entities.records"
local registry = require "entities.registry"
local store = require "core.store"

local rules = { list = {}, by_name = {}, invariants = {}, reactions = {} }

local events = { created = true, changed = true, archived = true }

local rule_keys = { title = true, on = true, run = true, uses = true, invariant = true }

--- Declares a rule.
---@param name string
---@param spec table `title`, `on` (an event, ENTITY.created, .changed or .archived, or several),
--- `run(record, before)`, `uses` (names of decisions), `invariant`
---@param plugin table { name, version }
---@param where string file and line of the declaration
function rules.declare(name, spec, plugin, where)
  if rules.by_name[name] then
    error(("rule %s is declared twice: here and at %s"):format(name, rules.by_name[name].where), 0)
  end
  misspelt.check_keys("rule " .. tostring(name), spec, rule_keys, where)
  if type(spec.run) ~= "function" then
    error(("rule %s needs run, a function"):format(name), 0)
  elseif type(spec.title) ~= "table" or not spec.title.en or not spec.title.zh then
    error(("rule %s needs title in both languages"):format(name), 0)
  end
  local rule = { name = name, title = spec.title, run = spec.run, plugin = plugin, where = where,
    invariant = spec.invariant, events = {}, uses = {}, cause = { kind = "rule", id = name, version = plugin.version } }
  for _, decision in ipairs(type(spec.uses) == "table" and spec.uses or { spec.uses }) do
    rule.uses[tostring(decision)] = true
  end
  for _, event in ipairs(type(spec.on) == "table" and spec.on or { spec.on }) do
    local entity, kind = tostring(event):match("^([%l%d_]+)%.(%l+)$")
    if not entity or not events[kind] then
      error(("rule %s: on = %q is no event; an event is ENTITY.created, .changed or .archived%s"):format(
        name, tostring(event), misspelt.hint(kind, events)), 0)
    end
    rule.events[#rule.events + 1] = { entity = entity, kind = kind }
  end
  if #rule.events == 0 then
    error(("rule %s needs on, an event, ENTITY.created, .changed or .archived"):format(name), 0)
  end
  rules.by_name[name] = rule
  rules.list[#rules.list + 1] = rule
end

local function check_uses(rule)
  for name in pairs(rule.uses) do
    if not decisions.by_name[name] then
      error(("%s: rule %s uses the decision %s, which does not exist%s"):format(
        rule.where, rule.name, name, misspelt.hint(name, decisions.by_name)), 0)
    end
  end
end

--- Raises an error when a rule runs that does not say that it uses the decision: one that is
--- missing is to be found when the rules are loaded, and not by the first record.
---@param decision string
function rules.check_use(decision)
  local cause = context.current().cause
  local rule = cause.kind == "rule" and rules.by_name[cause.id]
  if rule and not rule.uses[decision] then
    error(("rule %s (%s): it decides by %s; say uses = { %q }"):format(
      rule.name, rule.where, decision, decision), 0)
  end
end

--- Sorts the rules by entity and event when all are loaded.
function rules.finish()
  for _, rule in ipairs(rules.list) do
    for _, event in ipairs(rule.events) do
      if not registry.get(event.entity) then
        error(("%s: rule %s: there is no entity %s%s"):format(tostring(places.item(rule.where, "on")), rule.name,
          event.entity, misspelt.hint(event.entity, registry.by_name)), 0)
      end
      check_uses(rule)
      local index = rule.invariant and rules.invariants or rules.reactions
      index[event.entity] = index[event.entity] or {}
      local own = index[event.entity]
      own[event.kind] = own[event.kind] or {}
      table.insert(own[event.kind], rule)
    end
  end
end

local none = {}
local created, changed, archived = { "created" }, { "changed" }, { "archived" }
local created_and_archived = { "created", "archived" }

-- A record made and then changed in one unit was, on balance, created; one that came back to what it was did not change.
local function net_kinds(change)
  local kinds = change.kinds
  if kinds.created then
    return kinds.archived and created_and_archived or created
  elseif kinds.archived then
    return archived
  end
  return records.equal(change.entity, change.before, change.after) and none or changed
end

-- The rules of an index for an entity and a kind of change.
local function rules_for(index, entity, kind)
  local own = index[entity.name]
  return own and own[kind] or none
end

-- Each run gets the record for itself: what it does to the table, the next does not see.
local function run_as_system(rule, change)
  local ctx = context.current()
  local actor, cause = ctx.actor, ctx.cause
  ctx.actor, ctx.cause = context.system, rule.cause
  local ok, fault = pcall(rule.run, records.copy(change.after), change.before and records.copy(change.before))
  ctx.actor, ctx.cause = actor, cause
  return ok, fault
end

-- What an invariant tells the caller is what its author wrote. Whatever else it met while it ran as the system is for the
-- log, with the rule's name; what the store has to say goes on to whoever ends the unit.
local function refuse(rule, fault)
  if problem.is(fault) and fault.of_plugin then
    fault.rule = { name = rule.name, declared = rule.where }
    error(fault, 0)
  elseif type(fault) == "table" and fault.store then
    error(fault, 0)
  end
  error(("rule %s (%s): %s"):format(rule.name, rule.where, raised.words(fault)), 0)
end

local function hold_invariants()
  for _, change in ipairs(context.current().net.list) do
    if change.unchecked then
      change.unchecked = false
      for _, kind in ipairs(net_kinds(change)) do
        for _, rule in ipairs(rules_for(rules.invariants, change.entity, kind)) do
          local ok, fault = run_as_system(rule, change)
          if not ok then
            refuse(rule, fault)
          end
        end
      end
    end
  end
end

local function log_failure(rule, change, fault)
  local decided = context.current().decided
  log.log("error", "rule", {
    decision = decided and decided.name, row = decided and decided.row,
    rule = rule.name, plugin = rule.plugin.name, declared = rule.where, record = change.entity.name .. "/" .. change.after.id,
    text = raised.words(fault), outcome = "undone",
  })
end

local function react(rule, change)
  local mark = net.mark()
  context.current().decided = nil
  store.mark()
  local ok, fault = run_as_system(rule, change)
  if ok and net.mark() > mark then
    ok, fault = pcall(hold_invariants)
  end
  if ok then
    store.keep()
  else
    store.undo()
    net.take_back(mark)
    log_failure(rule, change, fault)
  end
end

-- Runs the reactions that are due for a change and have not run for it. Returns whether there was one.
local function react_to(change)
  local ran = false
  for _, kind in ipairs(net_kinds(change)) do
    for _, rule in ipairs(rules_for(rules.reactions, change.entity, kind)) do
      if not change.done[rule.name] then
        change.done[rule.name] = true
        react(rule, change)
        ran = true
      end
    end
  end
  return ran
end

--- Runs what the changes of this unit call for. Raises what an invariant raised.
---@param mute_reactions boolean|nil true for a migration: invariants still hold
function rules.settle(mute_reactions)
  local changes = context.current().net
  if not changes or #changes.list == 0 then
    return
  end
  hold_invariants()
  local again = not mute_reactions
  while again do
    again = false
    local i = 1
    while changes.list[i] do -- reactions may add to the list
      again = react_to(changes.list[i]) or again
      i = i + 1
    end
  end
end

return rules
