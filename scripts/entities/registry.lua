-- scripts/entities/registry.lua: what entities there are, from mill.entity, mill.extend and mill.lifecycle.
--
-- An entity after `registry.finish`:
--   name, label, plugin          fields (array) and by_name
--   owner, unit                  which fields the policies `own`, `unit` … look at, or nil
--   key, display                 natural key; the field that names a record
--   state                        the field of type state, and lifecycle, or nil
--   columns                      all columns of its table, in order, without the common ones; by_column says whose they are
--   required, defaulted          fields that must have a value, and those that start with one
--   secrets                      names of fields that are never read out
--   mergeable                    fields whose values have parts, which a change may give alone
--   unique, index                lists of lists of field names

local i18n = require "i18n"
local misspelt = require "misspelt"
local places = require "places"
local types = require "entities.types"

local registry = { list = {}, by_name = {}, lifecycles = {}, extensions = {} }

local reserved_fields = {}
for name in ("id version created_at changed_at archived_at sort limit cursor fields expand q as_of view count by sum"):gmatch("%S+") do
  reserved_fields[name] = true
end
local reserved_actions = { history = true, timeline = true, decisions = true, access = true, erase = true }
local reserved_entities = {
  session = true, meta = true, events = true, job = true, generation = true, change = true, tenant = true,
  token = true, sign_in_link = true, decision = true, assignment = true, assignment_seat = true, catalogue = true, as = true,
  meter = true, metered_read = true,
}
local operators = { ne = true, lt = true, le = true, gt = true, ge = true, ["in"] = true, has = true, null = true }

-- The fields that every record has, in the order of their columns; also by name.
registry.common = {
  { name = "id", type = "id" },
  { name = "version", type = "integer" },
  { name = "created_at", type = "timestamp" },
  { name = "changed_at", type = "timestamp" },
  { name = "archived_at", type = "timestamp" },
}
registry.common_by_name = {}
for _, field in ipairs(registry.common) do
  field.kind, field.columns, field.sort_column = types[field.type], { { name = field.name, kind = "INTEGER" } }, field.name
  registry.common_by_name[field.name] = field
end

local function check_name(what, name)
  if type(name) ~= "string" or not name:find("^%l[%l%d_]*$") or #name > 60 then
    error(("%s: a name of lower-case letters, digits and _ is needed, not %s"):format(what, tostring(name)), 0)
  end
end

local function check_text(what, value)
  if type(value) ~= "table" or type(value.en) ~= "string" or type(value.zh) ~= "string" then
    error(what .. ": both languages are needed, { en = …, zh = … }", 0)
  end
end

local field_keys = {
  required = true, max = true, min = true, label = true, to = true, values = true, default = true, write = true,
  lower = true, scale = true,
}

-- Which types a property is for (without an entry: all), and what its value must be.
local texts = { text = true, long_text = true, email = true, phone = true, url = true }
local of_types = {
  max = { text = true, long_text = true, email = true, phone = true, url = true, integer = true },
  min = { integer = true, money = true }, lower = texts, scale = { decimal = true }, to = { reference = true },
  values = { choice = true },
}
local function whole(value)
  return math.type(value) == "integer", "a whole number"
end
local function yes_or_no(value)
  return type(value) == "boolean", "true or false"
end
local must_be = {
  required = yes_or_no, lower = yes_or_no, max = whole, min = whole,
  scale = function(value)
    return math.type(value) == "integer" and value >= 0 and value <= 18, "a whole number from 0 to 18"
  end,
  write = function(value)
    return value == "system", '"system"'
  end,
  values = function(value)
    return type(value) == "table" and #value > 0, "a list"
  end,
}

local function check_property(what, type_name, key, value)
  if not field_keys[key] then
    error(("%s: a field has no property %s%s"):format(what, tostring(key), misspelt.hint(key, field_keys)), 0)
  elseif of_types[key] and not of_types[key][type_name] then
    error(("%s: a field of type %s has no %s"):format(what, type_name, key), 0)
  elseif must_be[key] then
    local good, needed = must_be[key](value)
    if not good then
      error(("%s: %s is %s, not %s"):format(what, key, needed, type(value) == "string" and '"' .. value .. '"' or tostring(value)), 0)
    end
  end
end

-- Whose own record `default = "actor"` gives.
local actors_own = { position = true, unit = true, user = true }

-- Whether a new record can have the default.
local function check_default(what, field)
  local default = field.default
  if default == nil then
    return
  elseif field.type == "state" then
    error(what .. ": a state has no default; mill.lifecycle says which one is the initial", 0)
  elseif default == "actor" or field.type == "reference" then
    if not (default == "actor" and actors_own[field.to]) then
      error(what .. ': default = "actor" is for references to position, unit or user, and they have no other', 0)
    end
    return
  end
  local read = table.pack(field.kind.read(field, default))
  if read[1] == nil then
    error(("%s: the default cannot be: %s"):format(what, i18n.text(table.unpack(read[2])).en), 0)
  end
end

-- Two fields must not mean one column: money has several.
local function take_columns(what, entity, field)
  for _, column in ipairs(field.columns) do
    local other = entity.by_column[column.name]
    if other then
      error(("%s: its column %s is one of the field %s (%s); give it another name"):format(what, column.name, other.name, other.type), 0)
    end
    entity.by_column[column.name] = field
  end
end

local function make_values(what, field, values)
  field.values_by_name, field.value_names, field.values = {}, {}, values
  for _, value in ipairs(values) do
    check_name(what, value[1])
    check_text(what .. "." .. value[1], value)
    field.values_by_name[value[1]] = value
    field.value_names[#field.value_names + 1] = value[1]
  end
end

local function make_field(entity, declared, plugin, where)
  local name, type_name = declared[1], declared[2]
  local what = entity.name .. "." .. tostring(name)
  check_name("field of " .. entity.name, name)
  if reserved_fields[name] or operators[name:match("[^.]+$")] then
    error(what .. ": this name is reserved", 0)
  elseif entity.by_name[name] then
    error(what .. ": the field is declared twice", 0)
  elseif not types[type_name] or type_name == "id" then
    error(("%s: there is no field type %s%s"):format(what, tostring(type_name), misspelt.hint(type_name, types)), 0)
  end
  for _, other in ipairs(type_name == "state" and entity.fields or {}) do
    if other.type == "state" then
      local words = "%s: the entity has a state already, %s, and can have but one"
      error(words:format(what, other.name), 0)
    end
  end
  local field = { name = name, type = type_name, kind = types[type_name], plugin = plugin, where = where }
  for key, value in pairs(declared) do
    if math.type(key) ~= "integer" then
      check_property(what, type_name, key, value)
      field[key] = value
    end
  end
  check_text(what .. ": label", field.label)
  if type_name == "reference" then
    check_name(what .. ": to", field.to)
  elseif type_name == "choice" then
    make_values(what, field, field.values or error(what .. ": a choice needs values", 0))
  elseif type_name == "decimal" and math.type(field.scale) ~= "integer" then
    error(what .. ": a decimal needs scale, the number of digits after the point", 0)
  end
  field.columns = {}
  for _, column in ipairs(field.kind.columns(field)) do
    field.columns[#field.columns + 1] = { name = name .. column[1], kind = column[2] }
  end
  field.sort_column = field.kind.sort and name .. field.kind.sort or nil
  field.sum_column = field.kind.sum and name .. field.kind.sum or nil
  check_default(what, field)
  take_columns(what, entity, field)
  entity.fields[#entity.fields + 1] = field
  entity.by_name[name] = field
end

local function make_fields(entity, declared, plugin, where)
  for i, field in ipairs(declared or {}) do
    local place = places.item(where or plugin, "fields", i)
    places.within(place, make_field, entity, field, plugin, place)
  end
end

-- Lists of lists of field names, each with its place.
local function add_lists(made, declared, what, where)
  for i, names in ipairs(declared or {}) do
    made[#made + 1] = table.move(names, 1, #names, 1, { where = places.item(where, what, i) })
  end
end

local entity_keys = {
  label = true, plural = true, fields = true, display = true, key = true, owner = true, unit = true, unique = true,
  index = true,
}

--- Declares an entity. Raises an error (a text) for whatever is wrong in the declaration.
---@param name string
---@param spec table
---@param plugin string
---@param where string file and line of the declaration
function registry.declare(name, spec, plugin, where)
  check_name("entity", name)
  if reserved_entities[name] or name:find("^sqlite_") then
    error(name .. ": this name is reserved", 0)
  elseif registry.by_name[name] then
    error(("entity %s is declared twice: by %s and by %s"):format(name, registry.by_name[name].plugin, plugin), 0)
  end
  misspelt.check_keys("entity " .. tostring(name), spec, entity_keys, where)
  check_text(name .. ": label", spec.label)
  local entity = {
    name = name, plugin = plugin, where = where or plugin, label = spec.label, plural = spec.plural or spec.label, fields = {}, by_name = {}, by_column = {},
    display = spec.display, key = spec.key, owner = spec.owner, unit = spec.unit, unique = {}, index = {},
  }
  add_lists(entity.unique, spec.unique, "unique", entity.where)
  add_lists(entity.index, spec.index, "index", entity.where)
  make_fields(entity, spec.fields, plugin, where)
  registry.list[#registry.list + 1] = entity
  registry.by_name[name] = entity
end

local extend_keys = { fields = true, index = true, unique = true }

--- Adds fields to an entity that another plugin declared.
function registry.extend(name, spec, plugin, where)
  local entity = registry.by_name[name] or error(("mill.extend: there is no entity %s%s; does needs name its plugin?"):format(
    tostring(name), misspelt.hint(name, registry.by_name)), 0)
  misspelt.check_keys("mill.extend " .. tostring(name), spec, extend_keys, where)
  make_fields(entity, spec.fields, plugin, where)
  add_lists(entity.unique, spec.unique, "unique", where or plugin)
  add_lists(entity.index, spec.index, "index", where or plugin)
end

local function check_state(name, what, field, value)
  if not field.values_by_name[value] then
    error(("mill.lifecycle %s: %s names the unknown state %s%s"):format(
      name, what, tostring(value), misspelt.hint(value, field.value_names)), 0)
  end
end

local lifecycle_keys = { initial = true, states = true, moves = true }
local move_keys = { from = true, to = true, sets = true, label = true }

local function make_move(entity, lifecycle, name, move)
  local state = entity.by_name[entity.state]
  check_name("move of " .. entity.name, name)
  misspelt.check_keys(("mill.lifecycle %s: the move %s"):format(entity.name, name), move, move_keys)
  if reserved_actions[name] then
    error(("mill.lifecycle %s: the name %s is reserved"):format(entity.name, name), 0)
  end
  local from = type(move.from) == "table" and move.from or { move.from }
  local made = {
    name = name, from = {}, from_names = from, to = move.to, sets = move.sets or {}, may_set = {}, label = move.label,
  }
  check_state(entity.name, name, state, move.to)
  for _, one in ipairs(from) do
    check_state(entity.name, name, state, one)
    made.from[one] = true
  end
  for _, field_name in ipairs(made.sets) do
    if not entity.by_name[field_name] then
      error(("mill.lifecycle %s: %s sets the unknown field %s%s"):format(
        entity.name, name, tostring(field_name), misspelt.hint(field_name, entity.by_name)), 0)
    end
    made.may_set[field_name] = true
  end
  lifecycle.moves[name] = made
  lifecycle.move_names[#lifecycle.move_names + 1] = name
end

--- Declares the lifecycle of an entity: its states and the moves between them.
function registry.lifecycle(name, spec, plugin, where)
  local entity = registry.by_name[name] or error(("mill.lifecycle: there is no entity %s%s"):format(
    tostring(name), misspelt.hint(name, registry.by_name)), 0)
  if entity.lifecycle then
    error(("the lifecycle of %s is declared twice: by %s and by %s"):format(name, entity.lifecycle.plugin, plugin), 0)
  end
  misspelt.check_keys("mill.lifecycle " .. tostring(name), spec, lifecycle_keys, where)
  local lifecycle = { plugin = plugin, initial = spec.initial, moves = {}, move_names = {} }
  for _, field in ipairs(entity.fields) do
    if field.type == "state" then
      entity.state = field.name
      make_values(name .. "." .. field.name, field, spec.states or {})
    end
  end
  local state = entity.state and entity.by_name[entity.state] or error("mill.lifecycle " .. name .. ": the entity has no field of type state", 0)
  check_state(name, "initial", state, spec.initial)
  for move_name, move in pairs(spec.moves or {}) do
    places.within(places.item(where or plugin, "moves", move_name), make_move, entity, lifecycle, move_name, move)
  end
  table.sort(lifecycle.move_names)
  entity.lifecycle = lifecycle
end

local function check_fields(entity, what, names, where)
  for _, name in ipairs(names) do
    if not entity.by_name[name] then
      error(("%s: entity %s: %s names the unknown field %s%s"):format(
        tostring(where), entity.name, what, tostring(name), misspelt.hint(name, entity.by_name)), 0)
    end
  end
end

-- The field that policies look at: the one that is declared, or the one of that name if it can be it.
local function policy_field(entity, what, to)
  local name = entity[what] or what
  local field = entity.by_name[name]
  if field and field.type == "reference" and field.to == to then
    return name
  elseif entity[what] then
    error(("%s: entity %s: %s must be a field that refers to %s, not %s"):format(
      tostring(places.item(entity.where, what)), entity.name, what, to, tostring(name)), 0)
  end
  return nil
end

--- Checks what can only be checked when all plugins are loaded, and fills in the defaults.
function registry.finish()
  for _, entity in ipairs(registry.list) do
    for _, field in ipairs(entity.fields) do
      if field.type == "reference" and not registry.by_name[field.to] then
        error(("%s: %s.%s refers to the unknown entity %s%s"):format(
          field.where, entity.name, field.name, field.to, misspelt.hint(field.to, registry.by_name)), 0)
      elseif field.type == "state" and not entity.lifecycle then
        error(("%s: %s.%s is a state, but there is no mill.lifecycle %q"):format(field.where, entity.name, field.name, entity.name), 0)
      end
    end
    entity.owner = policy_field(entity, "owner", "position")
    entity.unit = policy_field(entity, "unit", "unit")
    if entity.key then
      local place = places.item(entity.where, "key")
      check_fields(entity, "key", { entity.key }, place)
      entity.unique[#entity.unique + 1] = { entity.key, where = place }
    end
    check_fields(entity, "display", { entity.display }, places.item(entity.where, "display"))
    for _, fields in ipairs(entity.unique) do
      check_fields(entity, "unique", fields, fields.where)
    end
    for _, fields in ipairs(entity.index) do
      check_fields(entity, "index", fields, fields.where)
    end
    entity.columns, entity.required, entity.defaulted, entity.secrets, entity.mergeable = {}, {}, {}, {}, {}
    for _, field in ipairs(entity.fields) do
      for _, column in ipairs(field.columns) do
        entity.columns[#entity.columns + 1] = column
        column.at = #entity.columns
      end
      entity.required[#entity.required + 1] = field.required and field or nil
      entity.defaulted[#entity.defaulted + 1] = (field.type == "state" or field.default ~= nil) and field or nil
      entity.secrets[#entity.secrets + 1] = field.kind.secret and field.name or nil
      entity.mergeable[#entity.mergeable + 1] = field.kind.merge and field or nil
    end
  end
end

local function find_ordered(entity)
  local ordered = { id = "within" }
  for _, field in ipairs(entity.fields) do
    ordered[field.name] = field.type == "reference" and "all" or nil
  end
  for how, lists in pairs { all = entity.unique, within = entity.index } do
    for _, names in ipairs(lists) do
      local column = entity.by_name[names[1]].sort_column
      ordered[column] = ordered[column] == "within" and "within" or how
    end
  end
  return ordered
end

--- Whether an index has the records in the order of a column: see indexes in scripts/entities/schema.lua.
---@param entity table
---@param column string
---@param within boolean|nil in that order within each branch of a policy too
---@return boolean
function registry.orders(entity, column, within)
  entity.ordered = entity.ordered or find_ordered(entity)
  local how = entity.ordered[column]
  return how == "within" or (how == "all" and not within)
end

--- Whether no two records have the same value in a column.
---@param entity table
---@param column string
---@return boolean
function registry.is_unique(entity, column)
  for _, names in ipairs(entity.unique) do
    if #names == 1 and entity.by_name[names[1]].sort_column == column then
      return true
    end
  end
  return column == "id"
end

--- The entity of that name, or nil.
function registry.get(name)
  return registry.by_name[name]
end

registry.reserved_actions = reserved_actions

return registry
