-- scripts/entities/projections.lua: records as JSON, straight from the store's rows (core/script/projection.h).
--
-- A projection belongs to one question (which fields, which references whole, which sort) and is kept with its entity:
--   entity      columns    what is selected, as SQL text
--   position    column → its place in the row
--   shape       how the columns become a JSON object
--   expanded    whether references are put in whole
-- What an actor may see through it (`rights`) is kept with the actor.

local context = require "context"
local id = require "core.id"
local meters = require "access.meters"
local policies = require "access.policies"
local projection = require "core.projection"
local registry = require "entities.registry"
local sql = require "sql"
local store = require "core.store"

local projections = {}

local KEPT = 64 -- projections of an entity; a caller may ask for any mixture of fields

local function add_column(made, column)
  if not made.position[column] then
    made.count = made.count + 1
    made.position[column] = made.count
    made.names[made.count] = column
  end
end

-- Money is read from two columns that stand side by side, so a field's columns are selected together.
local function add_member(made, members, field, is_expanded)
  local at = made.count + 1
  for _, column in ipairs(field.columns) do
    made.count = made.count + 1
    made.position[column.name] = made.position[column.name] or made.count
    made.names[made.count] = column.name
  end
  members[#members + 1] = { field.name, is_expanded and "expand" or field.kind.shown, at, field.scale }
end

-- The version comes first, for the answer's ETag. What policies look at, and what a cursor is made of, is selected too.
local function make(entity, only, expand, sort)
  local made = { entity = entity, position = {}, names = {}, count = 0, expanded = #expand > 0 }
  local members, whole = {}, {}
  for _, field in ipairs(expand) do
    whole[field.name] = true
  end
  add_column(made, "version")
  for _, list in ipairs { registry.common, entity.fields } do
    for _, field in ipairs(list) do
      if (not only or only[field.name]) and not field.kind.secret then
        add_member(made, members, field, whole[field.name])
      end
    end
  end
  for _, column in ipairs(policies.columns(entity)) do
    add_column(made, column)
  end
  for _, key in ipairs(sort) do
    add_column(made, key.column)
  end
  made.columns = sql.columns(made.names)
  made.get = sql.get_columns(entity, made.columns)
  made.shape = projection.new(members)
  return made
end

local function key_of(only, expand, sort)
  local parts = {}
  for name in pairs(only or {}) do
    parts[#parts + 1] = name
  end
  table.sort(parts)
  for _, field in ipairs(expand) do
    parts[#parts + 1] = "+" .. field.name
  end
  for _, key in ipairs(sort) do
    parts[#parts + 1] = "^" .. key.column
  end
  return (only and "" or "*") .. table.concat(parts, " ")
end

local none = {}

--- The projection for a question.
---@param entity table
---@param only table|nil a set of field names; nil: all
---@param expand table[]|nil reference fields to be put in whole
---@param sort table[]|nil { column } …
---@return table
function projections.of(entity, only, expand, sort)
  expand, sort = expand or none, sort or none
  if not only and #expand == 0 and #sort == 0 then
    entity.projection = entity.projection or make(entity, nil, expand, sort)
    return entity.projection
  end
  if not entity.projections or entity.projections.count >= KEPT then
    entity.projections = { count = 0, by_key = {} }
  end
  local kept, key = entity.projections, key_of(only, expand, sort)
  if not kept.by_key[key] then
    kept.by_key[key] = make(entity, only, expand, sort)
    kept.count = kept.count + 1
  end
  return kept.by_key[key]
end

-- The references of some objects, put in the place of their ids where the actor may see them.
local function expand_places(text, places, made)
  local targets, parts, from = {}, {}, 1
  for i = 1, #places, 3 do
    local at, inner, name = places[i], places[i + 1], places[i + 2]
    local target = registry.get(made.entity.by_name[name].to)
    local key = target.name .. " " .. inner
    if targets[key] == nil then
      targets[key] = projections.get(inner, projections.of(target)) or false
    end
    if targets[key] then
      parts[#parts + 1] = text:sub(from, at - 1)
      parts[#parts + 1] = targets[key]
      from = at + #id.seal(inner) + 2
    end
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts)
end

local function shown(made, objects, count, last, _, places)
  return places and expand_places(objects, places, made) or objects, count, last
end

-- Notes what was shown by meters; passes the rest on.
local function noted(counted, objects, count, last, metered, places)
  for i, meter in ipairs(counted) do
    meters.note(meter, metered[i])
  end
  return objects, count, last, metered, places
end

local function noted_one(counted, inner, objects, count, version, metered, places)
  for i, meter in ipairs(counted) do
    meters.note_one(metered[i] > 0 and { meter } or nil, inner)
  end
  return objects, count, version, metered, places
end

--- The order of a list: its columns' places, negative for descending, and the place of what says whether a row fits.
---@param made table a projection
---@param sort table[] { column, descending } …, the id last
---@param has_fits boolean
---@return integer[]
function projections.order(made, sort, has_fits)
  local order = { fits = has_fits and made.count + 1 or nil }
  for i, key in ipairs(sort) do
    order[i] = made.position[key.column] * (key.descending and -1 or 1)
  end
  return order
end

--- Reads a list as JSON objects, as far as the running actor may see them.
---@param made table a projection
---@param limit integer
---@param order integer[]
---@param scans table[] sql.list's, of `made.columns`
---@return string objects JSON objects with commas between them
---@return integer count
---@return table|nil last the row of the last object, if there are rows beyond the limit
function projections.read(made, limit, order, scans)
  local rights, counted = policies.rights(made, context.current().actor)
  return shown(made, noted(counted, store.objects(made.shape, rights, limit, order, scans)))
end

--- One record as JSON, or nil where the actor may not see it.
---@param inner integer
---@param made table a projection
---@return string|nil object
---@return integer|nil version
function projections.get(inner, made)
  local rights, counted = policies.rights(made, context.current().actor)
  local object, count, version = shown(
    made, noted_one(counted, inner, store.object(made.shape, rights, made.get, inner)))
  if count == 0 then
    return nil
  end
  return object, version
end

return projections
