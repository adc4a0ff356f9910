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
  local cause = ctx.cause
  store.append(context.txn(ctx), entity.name, inner, version, ctx.at, ctx.actor.user, cause.kind, cause.id, cause.version,
    generation.hash, json.encode { old = old, new = new })
end

return changes
