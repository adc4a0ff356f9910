-- scripts/entities/schema.lua: brings the tables to what the generation declares, by adding only (expand).
--
-- It runs in the home lane as one unit, before the generation serves. Whatever cannot be reached by adding is
-- refused with the reason, and the old generation goes on.

local id = require "core.id"
local mistake = require "mistake"
local policies = require "access.policies"
local registry = require "entities.registry"
local schema_sql = require "sql.schema"
local store = require "core.store"

local schema = {}

local function known_fields()
  local known = {}
  for _, row in ipairs(store.query(schema_sql.read_catalogue)) do
    known[row[1]] = known[row[1]] or {}
    known[row[1]][row[2]] = row[3]
  end
  return known
end

local function described(field)
  return field.type == "decimal" and ("decimal(%d)"):format(field.scale) or field.type
end

local function columns_of(entity, names)
  local columns = {}
  for i, field_name in ipairs(names) do
    local field = entity.by_name[field_name]
    columns[i] = field.sort_column or field.columns[1].name
  end
  return columns
end

-- An index by some fields, and the same within each column that policies look at: so that each scan of a list
-- (scripts/sql/list.lua) finds its rows in the order of these fields, whoever asks. Every index ends with the id by
-- itself.
local function add_ordered(list, entity, columns)
  list[#list + 1] = { columns = columns }
  for _, column in ipairs(policies.columns(entity)) do
    if column ~= "id" and column ~= columns[1] then
      list[#list + 1] = { columns = { column, table.unpack(columns) } }
    end
  end
end

-- The branches of policies scan by owner or unit and then by id (the order of creation).
local function indexes(entity)
  local list = {}
  for _, names in ipairs(entity.unique) do
    list[#list + 1] = { columns = columns_of(entity, names), unique = true, names = names }
  end
  for _, names in ipairs(entity.index) do
    add_ordered(list, entity, columns_of(entity, names))
  end
  for _, name in ipairs { entity.owner or false, entity.unit or false } do
    if name then
      list[#list + 1] = { columns = { name, "id" } }
    end
  end
  for _, field in ipairs(entity.fields) do
    if field.type == "reference" and field.name ~= entity.owner and field.name ~= entity.unit then
      list[#list + 1] = { columns = { field.name } }
    end
  end
  return list
end

local function create_index(entity, index)
  local ok, fault = pcall(store.run, schema_sql.create_index(entity, index.columns, index.unique))
  if ok then
    return
  elseif not (index.unique and type(fault) == "table" and fault.code == "unique") then
    error(fault, 0)
  end
  local row = store.query(schema_sql.doubles(entity, index.columns))[1]
  mistake("%s: %s cannot be unique by %s: %d records share their values, for example %s and %s",
    tostring(index.names.where), entity.name, table.concat(index.names, ", "), row[1],
    id.seal(row[2]), id.seal(row[3]))
end

local function expand(entity, known)
  local steps = 0
  local function step(text)
    store.run(text)
    steps = steps + 1
  end
  if not known then
    step(schema_sql.create_table(entity))
  end
  for _, field in ipairs(entity.fields) do
    local before = known and known[field.name]
    if before and before ~= described(field) then
      mistake("%s: %s.%s is stored as %s and declared as %s: a field cannot change its type; declare it under a new name",
        field.where, entity.name, field.name, before, described(field))
    elseif not before then
      for _, column in ipairs(field.columns) do
        step(schema_sql.add_column(entity, column))
      end
      store.run(schema_sql.add_to_catalogue, entity.name, field.name, described(field))
    end
  end
  for _, index in ipairs(indexes(entity)) do
    create_index(entity, index)
  end
  if not known then
    store.run(schema_sql.add_to_catalogue, entity.name, "id", "id")
  end
  return steps
end

--- Adds what is missing. Returns how many tables and columns were added.
---@return integer
function schema.apply()
  for _, text in ipairs(schema_sql.framework) do
    store.run(text)
  end
  local known, steps = known_fields(), 0
  for _, entity in ipairs(registry.list) do
    steps = steps + expand(entity, known[entity.name])
  end
  return steps
end

return schema
