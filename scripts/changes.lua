-- scripts/changes.lua: one row of the change log for each change of a record, in the same transaction.

local context = require "context"
local generation = require "core.generation"
local json = require "core.json"
local store = require "core.store"

local changes = {}

-- Writes the fields of an entity that a change has, old or new.
local function shape_of(entity)
  if not entity.change_shape then
    local names = { "archived_at" }
    for i, field in ipairs(entity.fields) do
      names[i + 1] = field.name
    end
    entity.change_shape = json.shape(names)
  end
  return entity.change_shape
end

--- Appends to the log.
---@param ctx table the running context
---@param entity table
---@param inner integer the record's inner id
---@param version integer the version after the change
---@param old table field → value before (only what changed)
---@param new table field → value after
function changes.append(ctx, entity, inner, version, old, new)
  local cause, write = ctx.cause, shape_of(entity)
  store.append(context.txn(ctx), entity.name, inner, version, ctx.at, ctx.actor.user, cause.kind, cause.id, cause.version,
    generation.hash, '{"new":' .. write(new) .. ',"old":' .. write(old) .. "}")
end

return changes
