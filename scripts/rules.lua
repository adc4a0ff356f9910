-- scripts/rules.lua: what must hold and what happens next, in the transaction in which it happens.
--
-- When a request has made its changes, `settle` looks at the *net* change of each record: first every invariant
-- (one that raises fails the request), then the reactions, each at most once for a record and unit of work, each in
-- its own savepoint. A reaction that fails is undone and logged with its file and line, and fails nobody. What
-- reactions change is settled in the same way until nothing is left to do.

local context = require "context"
local log = require "core.log"
local registry = require "entities.registry"
local store = require "core.store"

local rules = { list = {}, by_name = {}, invariants = {}, reactions = {} }

local events = { created = true, changed = true, archived = true }

local rule_keys = { title = true, on = true, run = true, invariant = true }

--- Declares a rule.
---@param name string
---@param spec table `title`, `on` (an event, ENTITY.created, .changed or .archived, or several), `run(record, before)`, `invariant`
---@param plugin table { name, version }
---@param where string file and line of the declaration
function rules.declare(name, spec, plugin, where)
  if rules.by_name[name] then
    error(("rule %s is declared twice: here and at %s"):format(name, rules.by_name[name].where), 0)
  end
  for key in pairs(spec) do
    if not rule_keys[key] then
      error(("rule %s has no property %s"):format(name, tostring(key)), 0)
    end
  end
  if type(spec.run) ~= "function" then
    error(("rule %s needs run, a function"):format(name), 0)
  elseif type(spec.title) ~= "table" or not spec.title.en or not spec.title.zh then
    error(("rule %s needs title in both languages"):format(name), 0)
  end
  local rule = { name = name, title = spec.title, run = spec.run, plugin = plugin, where = where, invariant = spec.invariant, events = {} }
  for _, event in ipairs(type(spec.on) == "table" and spec.on or { spec.on }) do
    local entity, kind = tostring(event):match("^([%l%d_]+)%.(%l+)$")
    if not entity or not events[kind] then
      error(("rule %s: on = %q is no event; an event is ENTITY.created, .changed or .archived"):format(name, tostring(event)), 0)
    end
    rule.events[#rule.events + 1] = { entity = entity, kind = kind }
  end
  if #rule.events == 0 then
    error(("rule %s needs on, an event, ENTITY.created, .changed or .archived"):format(name), 0)
  end
  rules.by_name[name] = rule
  rules.list[#rules.list + 1] = rule
end

--- Sorts the rules by entity and event when all are loaded.
function rules.finish()
  for _, rule in ipairs(rules.list) do
    for _, event in ipairs(rule.events) do
      if not registry.get(event.entity) then
        error(("rule %s (%s): there is no entity %s"):format(rule.name, rule.where, event.entity), 0)
      end
      local index = rule.invariant and rules.invariants or rules.reactions
      local key = event.entity .. "." .. event.kind
      index[key] = index[key] or {}
      table.insert(index[key], rule)
    end
  end
end

-- A record made and then changed in one unit was, on balance, created.
local function net_kinds(change)
  if change.kinds.created then
    return change.kinds.archived and { "created", "archived" } or { "created" }
  elseif change.kinds.archived then
    return { "archived" }
  end
  return { "changed" }
end

local function run_as_system(rule, change)
  local cause = { kind = "rule", id = rule.name, version = rule.plugin.version }
  return pcall(context.as, context.system, cause, rule.run, change.after, change.before)
end

local function hold_invariants(from)
  local net = context.current().net
  for i = from, #net.list do
    local change = net.list[i]
    for _, kind in ipairs(net_kinds(change)) do
      for _, rule in ipairs(rules.invariants[change.entity.name .. "." .. kind] or {}) do
        local ok, fault = run_as_system(rule, change)
        if not ok then
          error(fault, 0)
        end
      end
    end
  end
end

local function snapshot(net)
  local copy = { list = {}, by_key = {} }
  for i, change in ipairs(net.list) do
    local one = { entity = change.entity, inner = change.inner, before = change.before, after = change.after, kinds = {}, done = change.done }
    for kind in pairs(change.kinds) do
      one.kinds[kind] = true
    end
    copy.list[i] = one
    copy.by_key[change.entity.name .. ":" .. change.inner] = one
  end
  return copy
end

local function log_failure(rule, change, fault)
  log.log("error", "rule", {
    rule = rule.name, plugin = rule.plugin.name, declared = rule.where, record = change.entity.name .. "/" .. change.after.id,
    text = tostring(fault), outcome = "undone",
  })
end

local function react(ctx, rule, change)
  local before = snapshot(ctx.net)
  store.mark()
  local ok, fault = run_as_system(rule, change)
  if ok then
    ok, fault = pcall(hold_invariants, 1)
  end
  if ok then
    store.keep()
  else
    store.undo()
    ctx.net = before
    log_failure(rule, change, fault)
  end
  return ok
end

-- The next reaction that is due, and its record.
local function next_reaction(ctx)
  for _, change in ipairs(ctx.net.list) do
    change.done = change.done or {}
    for _, kind in ipairs(net_kinds(change)) do
      for _, rule in ipairs(rules.reactions[change.entity.name .. "." .. kind] or {}) do
        if not change.done[rule.name] then
          return rule, change
        end
      end
    end
  end
  return nil
end

--- Runs what the changes of this unit call for. Raises what an invariant raised.
---@param mute_reactions boolean|nil true for a migration: invariants still hold
function rules.settle(mute_reactions)
  local ctx = context.current()
  if #ctx.net.list == 0 then
    return
  end
  hold_invariants(1)
  while not mute_reactions do
    local rule, change = next_reaction(ctx)
    if not rule then
      break
    end
    change.done[rule.name] = true
    react(ctx, rule, change)
  end
end

return rules
