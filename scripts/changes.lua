-- scripts/changes.lua: one row of the change log for each change of a record, in the same transaction.

local context = require "context"
local generation = require "core.generation"
local json = require "core.json"
local store = require "core.store"

local changes = {}

--- Appends to the log.
---@param ctx table the running context
---@param entity table
---@param inner integer the record's inner id
---@param version integer the version after the change
---@param old table field → value before (only what changed)
---@param new table field → value after
function changes.append(ctx, entity, inner, version, old, new)
  store.append {
    txn = context.txn(ctx), entity = entity.name, id = inner, version = version, at = ctx.at,
    actor = ctx.actor.user, cause_kind = ctx.cause.kind, cause_id = ctx.cause.id, cause_version = ctx.cause.version,
    generation = generation.hash, body = json.encode { old = old, new = new },
  }
end

return changes
