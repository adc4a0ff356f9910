-- scripts/context.lua: who acts, why, and what has changed so far, for the task that runs now.
--
-- One table per task (core.task gives it), so that coroutines of several requests never mix:
--   actor     whose rights count: { user, login, positions, units, roles, … } or { system = true }
--   cause     { kind, id, version }: what made it happen, for the change log
--   session   the text of the session by which a request came in, or nil
--   language  of the person who will read the answer
--   txn, at   the id and the time (UTC milliseconds) of the unit of work
--   decided   { name, row }: what the running rule acts on, for its log (scripts/decisions.lua)
--   metered   how many records it shows, by meter, and metered_seen, which: see scripts/access/meters.lua
--   making    the cache for which a value is being made (scripts/cache.lua), or nil
--   net       the records changed in this unit, in order, with their state before (scripts/rules.lua); nil: none yet

local clock = require "core.clock"
local id = require "core.id"
local task = require "core.task"

local context = {}

context.system = { system = true, roles = {}, positions = {}, units = {} }

--- The context of the running task.
---@type fun(): table
context.current = task.current

--- Starts the context of a task.
---@param actor table|nil
---@param cause table
---@param language string|nil
---@return table
function context.start(actor, cause, language)
  local ctx = task.current()
  ctx.actor, ctx.cause, ctx.language = actor, cause, language or "en"
  ctx.at = clock.now()
  ctx.session = nil
  ctx.txn = nil
  ctx.net = nil
  ctx.metered, ctx.metered_seen = nil, nil
  return ctx
end

--- The id of this unit of work, made when first asked for.
---@return integer
function context.txn(ctx)
  ctx.txn = ctx.txn or id.new()
  return ctx.txn
end

--- Runs `f(…)` with another actor (and, when given, another cause), and restores both also after an error.
function context.as(actor, cause, f, ...)
  local ctx = task.current()
  local old_actor, old_cause = ctx.actor, ctx.cause
  ctx.actor, ctx.cause = actor, cause or old_cause
  local results = table.pack(pcall(f, ...))
  ctx.actor, ctx.cause = old_actor, old_cause
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

return context
