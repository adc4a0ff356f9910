-- scripts/entities/records.lua: the one path by which records are read and changed, for every caller alike.
--
-- A record is a table of field values (see entities/types.lua), with id (opaque), version, created_at, changed_at,
-- archived_at. What the running actor may not do raises a problem; what it may not see is as if it were not there.

local changes = require "changes"
local clock = require "core.clock"
local context = require "context"
local fields = require "core.fields"
local i18n = require "i18n"
local id = require "core.id"
local json = require "core.json"
local maps = require "maps"
local meters = require "access.meters"
local net = require "entities.net"
local policies = require "access.policies"
local projection = require "core.projection"
local problem = require "problem"
local projections = require "entities.projections"
local registry = require "entities.registry"
local sessions = require "people.sessions"
local sql = require "sql"
local store = require "core.store"

local records = {}


-- A record knows which entity it is of by its metatable.
local function metatable_of(entity)
  local metatable = entity.record_metatable
  if not metatable then
    metatable = { __name = "record", __metatable = false, entity = entity }
    entity.record_metatable = metatable
  end
  return metatable
end

local function of(entity, record)
  return setmetatable(record, metatable_of(entity))
end

--- The entity that a record is of, or nil for other tables.
---@return table|nil
function records.entity_of(record)
  local metatable = type(record) == "table" and debug.getmetatable(record)
  return metatable and metatable.entity or nil
end

--- The records that a question of projections.of(entity) finds.
---@param entity table
---@param text string SQL
---@return table[]
function records.select(entity, text, ...)
  return store.records(projections.of(entity).shape, metatable_of(entity), text, ...)
end

--- The records of a list.
---@param made table a projection of all columns
---@param limit integer
---@param order integer[] projections.order's
---@param scans table[] sql.list's, of `made.columns`
---@return table[]
function records.found(made, limit, order, scans)
  return store.found(made.shape, metatable_of(made.entity), limit, order, scans)
end

--- A record by its inner id, whatever the actor may see; nil when there is none. It is shared: not to be changed.
function records.load(entity, inner)
  local ctx = context.current()
  local record = net.known(ctx, entity, inner)
  if not record then
    record = records.select(entity, projections.of(entity).get, inner)[1]
    if record then
      net.note_read(ctx, entity, inner, record)
    end
  end
  return record
end

local function not_found()
  error(problem.new(404, "not_found"), 0)
end

local function forbidden()
  error(problem.new(403, "forbidden"), 0)
end

-- The inner id and the whole record, if the actor may see it, which of its fields, and the meters that count it; else it is as
-- if there were none.
local function find(entity, sealed, actor)
  local inner = type(sealed) == "string" and id.open(sealed)
  local record = inner and records.load(entity, inner)
  if not record then
    return nil
  end
  local visible, counted = policies.visible(entity, actor, record)
  if not visible then
    return nil
  end
  return inner, record, visible, counted
end

--- A record with the same values, that may be changed.
---@type fun(record: table): table
local copy = projection.copy

--- One record as the running actor may see it, or nil; a copy.
---@param entity table
---@param sealed string
---@return table|nil record only the fields that may be seen
---@return table|true|nil visible
---@return integer|nil inner
function records.get(entity, sealed)
  local inner, record, visible, counted = find(entity, sealed, context.current().actor)
  if not inner then
    return nil
  end
  meters.note_one(counted, inner)
  return records.masked(entity, record, visible), visible, inner
end

--- A copy of a record with only the fields in `visible`.
---@param visible table|true|nil nil: only id and version
function records.masked(entity, record, visible)
  if visible == true then
    return copy(record)
  end
  local shown = of(entity, { id = record.id, version = record.version })
  for name in pairs(visible or {}) do
    shown[name] = record[name]
  end
  return shown
end

local MAX_FAULTS = 20 -- a body may hold any number of wrong names

local function unknown_reference(field, faults)
  faults[#faults + 1] = problem.fault(field.name, "field.reference", { entity = registry.get(field.to).label })
end

-- A reference to a record that the actor may not see is as unknown as one that is not there or cannot be one.
local function check_reference(field, inner, actor, faults)
  local target = registry.get(field.to)
  local record = records.load(target, inner)
  if not record or not policies.visible(target, actor, record) then
    unknown_reference(field, faults)
  end
end

local function known_names(entity, visible)
  local names = {}
  for _, field in ipairs(entity.fields) do
    if visible == true or visible[field.name] then
      names[#names + 1] = field.name
    end
  end
  return table.concat(names, ", ")
end

-- Why the actor cannot set this field, or nil. `may_set_state` where the state may be given (create, import, a move).
local function refuses(entity, name, actor, known, may_set_state)
  local field = entity.by_name[name]
  if field and (known == true or known[name]) then
    if field.write == "system" and not actor.system then
      return problem.fault(name, "field.read_only")
    elseif field.type == "state" and not may_set_state then
      return problem.fault(name, "field.state", { moves = table.concat(entity.lifecycle.move_names, ", ") })
    end
    return nil
  elseif registry.common_by_name[name] then
    return problem.fault(name, "field.read_only")
  end
  return problem.fault(tostring(name), "field.unknown", { entity = entity.label, field = name, known = known_names(entity, known) })
end

-- Puts a field's column values among those of its table.
local function set_columns(columns, field, first, ...)
  local list = field.columns
  columns[list[1].at] = first
  for i = 2, #list do
    columns[list[i].at] = (select(i - 1, ...))
  end
end

-- Reads one value that was given: its columns into `columns` (by their place in the table), what it is in a record into
-- `values`.
local function take(field, columns, values, faults, first, ...)
  if first ~= nil then
    set_columns(columns, field, first, ...)
    values[field.name] = field.kind.secret and "set" or field.kind.load(field, first, ...)
    return first
  end
  local fault = (...)
  if not fault then
    values[field.name] = json.null
  elseif field.type == "reference" then
    unknown_reference(field, faults)
  else
    faults[#faults + 1] = problem.fault(field.name, table.unpack(fault))
  end
  return nil
end

local function by_field(a, b)
  return (a.field or "") < (b.field or "")
end

-- What core.fields takes of an entity's input.
local function plan_of(entity)
  entity.plan = entity.plan or fields.plan(entity.fields)
  return entity.plan
end

local none = {}

--- Reads what was given for some fields. What the plan leaves is of a type with parts, or wrong.
---@param room integer|nil how many more values the caller adds
---@return table columns place in the table → value; missing for what is to be cleared
---@return table values field → value as in a record, or json.null
---@return table faults
local function read_input(entity, input, actor, may_set_state, room)
  local known, faults = policies.known_fields(entity, actor), {}
  local columns, values, rest, references = plan_of(entity):take(input, known, actor.system, may_set_state, room)
  for _, name in ipairs(rest or none) do
    local given, field = input[name], entity.by_name[name]
    local refused = refuses(entity, name, actor, known, may_set_state)
    if refused then
      faults[#faults + 1] = refused
    elseif given == json.null then
      values[name] = json.null
    else
      take(field, columns, values, faults, field.kind.read(field, given))
    end
    if #faults == MAX_FAULTS then
      break
    end
  end
  for _, name in ipairs(#faults < MAX_FAULTS and references or none) do
    local field = entity.by_name[name]
    check_reference(field, columns[field.columns[1].at], actor, faults)
  end
  if #faults > 1 then
    table.sort(faults, by_field)
  end
  return columns, values, faults
end

local function names_fault(faults, name)
  for _, fault in ipairs(faults) do
    if fault.field == name then
      return true
    end
  end
  return false
end

local function check_required(entity, record, faults)
  for _, field in ipairs(#faults < MAX_FAULTS and entity.required or none) do
    if record[field.name] == nil and not names_fault(faults, field.name) then
      faults[#faults + 1] = problem.fault(field.name, "field.required")
    end
  end
end

-- The names of the fields that were given and that the actor may know: rights are asked before values are looked at.
-- Nil where no grant asks for fields.
local function names_given(entity, action, input, actor)
  if not policies.asks_fields(entity, action, actor) then
    return nil
  end
  local names, known = {}, policies.known_fields(entity, actor)
  for name in pairs(input) do
    if entity.by_name[name] and (known == true or known[name]) then
      names[#names + 1] = name
    end
  end
  return names
end

-- Which fields a unique constraint of the store names: "user.login, user.unit".
local function not_unique(entity, message)
  local faults = {}
  for column in message:gmatch("%.([%w_]+)") do
    for _, field in ipairs(entity.fields) do
      if field.name == column or field.sort_column == column then
        faults[#faults + 1] = problem.fault(field.name, "field.not_unique", { entity = entity.label })
      end
    end
  end
  error(problem.new(409, "conflict", { errors = faults }), 0)
end

local function run_write(entity, text, ...)
  local ok, result = pcall(store.run, text, ...)
  if ok then
    return result
  elseif type(result) == "table" and result.store and result.code == "unique" then
    not_unique(entity, result.message)
  end
  error(result, 0)
end

-- Rights follow from these: whoever keeps an actor in memory must hear of their changes.
local carries_rights = { role = true, unit = true, user = true, position = true }

local function note_change(ctx, entity, inner, kind, before, after)
  if carries_rights[entity.name] then
    store.touch()
  end
  net.note(ctx, entity, inner, kind, before, after)
end

-- What a field starts with when nothing was given for it.
local function default_of(entity, field, actor)
  if field.type == "state" then
    return entity.lifecycle.initial
  elseif field.default == "actor" and field.type == "reference" then
    local own = field.to == "position" and actor.positions[1] or field.to == "unit" and actor.units[1]
      or field.to == "user" and actor.user
    return own and id.seal(own) or nil
  end
  return field.default
end

-- What is given as empty stays empty, but for the state: there always is one.
local function add_defaults(entity, columns, values, actor)
  for _, field in ipairs(entity.defaulted) do
    local given = values[field.name]
    if given == nil or given == json.null and field.type == "state" then
      local default = default_of(entity, field, actor)
      if default ~= nil then
        take(field, columns, values, {}, field.kind.read(field, default))
      end
    end
  end
end

-- What the log keeps of a new record: its values, and of a secret only that it was set.
local function without_null(values)
  for name, value in pairs(values) do
    if value == json.null then
      values[name] = nil
    end
  end
  return values
end

local ROOM_OF_NEW = 8 -- id, version, times, defaults

--- Creates a record.
---@param entity table
---@param input table field → value
---@return table record whole, whatever the actor may see of it; shared, not to be changed
---@return integer inner
function records.create(entity, input)
  local ctx = context.current()
  local actor = ctx.actor
  local given = names_given(entity, "create", input, actor)
  if not policies.any(entity, "create", actor, given) then
    forbidden()
  end
  local columns, values, faults = read_input(entity, input, actor, true, ROOM_OF_NEW)
  add_defaults(entity, columns, values, actor)
  without_null(values)
  check_required(entity, values, faults)
  if #faults > 0 then
    problem.raise(422, faults)
  elseif not policies.allows(entity, "create", actor, values, given) then
    forbidden()
  end

  local inner, at = id.new(), clock.format(ctx.at)
  run_write(entity, sql.insert(entity), inner, 1, ctx.at, ctx.at, nil, table.unpack(columns, 1, #entity.columns))
  changes.append(ctx, entity, inner, 1, {}, values)
  local record = of(entity, values)
  for _, name in ipairs(entity.secrets) do
    record[name] = nil
  end
  record.id, record.version, record.created_at, record.changed_at = id.seal(inner), 1, at, at
  note_change(ctx, entity, inner, "created", nil, record)
  return record, inner
end

-- Writes a change: `text` sets the columns whose values are the first `n` of `parameters`.
local function write(ctx, entity, inner, before, after, kind, text, parameters, n, old, new)
  parameters[n + 1], parameters[n + 2], parameters[n + 3] = ctx.at, inner, before.version
  if run_write(entity, text, table.unpack(parameters, 1, n + 3)) ~= 1 then
    error(("%s %s changed while it was being changed"):format(entity.name, before.id), 0)
  end
  after.version = before.version + 1
  after.changed_at = clock.format(ctx.at)
  changes.append(ctx, entity, inner, after.version, old, new)
  note_change(ctx, entity, inner, kind, before, after)
  if entity.name == "user" and new.password ~= nil then
    sessions.finish_others(inner, ctx.session)
  end
  return after
end

-- The record to change, if the actor may see it and it is not archived.
local function find_to_change(entity, sealed, action)
  local actor = context.current().actor
  local inner, before = find(entity, sealed, actor)
  if not inner then
    if not policies.any(entity, "read", actor) then
      forbidden()
    end
    not_found()
  elseif not policies.allows(entity, action, actor, before) then
    forbidden()
  elseif before.archived_at then
    error(problem.new(409, "conflict", { detail = i18n.text("detail.archived") }), 0)
  end
  return inner, before, actor
end

-- What was given, with values that have parts merged into what is there.
local function merged(entity, before, input)
  local whole = input
  for _, field in ipairs(entity.mergeable) do
    local name = field.name
    local given = input[name]
    if given ~= nil and given ~= json.null and before[name] ~= nil then
      whole = whole == input and copy(input) or whole
      whole[name] = field.kind.merge(before[name], given)
    end
  end
  return whole
end

-- `options`: action, kind (of the change), may_set_state, free_fields (a move sets what it declares, whatever the actor
-- may otherwise change).
local function apply(entity, inner, before, actor, input, options)
  local given = not options.free_fields and names_given(entity, options.action, input, actor) or nil
  if not policies.allows(entity, options.action, actor, before, given) then
    forbidden()
  end
  local columns, values, faults = read_input(entity, merged(entity, before, input), actor, options.may_set_state)
  local after = copy(before)
  for name, value in pairs(values) do
    after[name] = value ~= json.null and value or nil
  end
  check_required(entity, after, faults)
  if #faults > 0 then
    problem.raise(422, faults)
  elseif options.action == "update" and not policies.allows(entity, options.action, actor, after, given) then
    forbidden()
  end
  local which, parameters, n, old, new = plan_of(entity):difference(before, columns, values)
  if not which then
    return before
  end
  for _, name in ipairs(entity.secrets) do
    after[name] = nil
  end
  return write(context.current(), entity, inner, before, after, options.kind,
    sql.update(entity, which, new), parameters, n, old, new)
end

--- Changes fields of a record. What is given as json.null is cleared.
---@param entity table
---@param sealed string
---@param input table
---@return table record whole, after the change; the same version when nothing differs
---@return integer inner
function records.update(entity, sealed, input)
  local inner, before, actor = find_to_change(entity, sealed, "update")
  local options = {
    action = "update", kind = "changed", may_set_state = actor.system and context.current().cause.kind == "import",
  }
  return apply(entity, inner, before, actor, input, options), inner
end

-- The labels of states, in each language.
local function state_labels(entity, names)
  local known, labels = entity.by_name[entity.state].values_by_name, {}
  for _, language in ipairs(i18n.languages) do
    local list = {}
    for i, name in ipairs(names) do
      list[i] = known[name] and known[name][language] or name
    end
    labels[language] = table.concat(list, language == "zh" and "、" or ", ")
  end
  return labels
end

-- What a move was given and does not set.
local function refuse_names(move, input)
  local faults = {}
  for name in maps.sorted(input) do
    if not move.may_set[name] then
      faults[#faults + 1] = problem.fault(
        tostring(name), "field.not_in_move", { move = move.name, known = table.concat(move.sets, ", ") })
    end
    if #faults == MAX_FAULTS then
      break
    end
  end
  problem.raise(422, faults)
end

--- Moves a record along its lifecycle: `POST …/ID/MOVE`.
---@param entity table
---@param sealed string
---@param move_name string
---@param input table only the fields that the move sets
function records.move(entity, sealed, move_name, input)
  local move = entity.lifecycle and entity.lifecycle.moves[move_name] or error(("%s has no move %s"):format(entity.name, tostring(move_name)), 0)
  local inner, before, actor = find_to_change(entity, sealed, move_name)
  if not move.from[before[entity.state]] then
    error(problem.new(409, "conflict", { detail = i18n.text("detail.move", {
      move = move.label or move_name, from = state_labels(entity, move.from_names),
      state = before[entity.state] and state_labels(entity, { before[entity.state] }) or i18n.text "detail.no_state",
    }) }), 0)
  end
  local given = {}
  for name, value in pairs(input or {}) do
    if not move.may_set[name] then
      refuse_names(move, input)
    end
    given[name] = value
  end
  given[entity.state] = move.to
  return apply(entity, inner, before, actor, given, { action = move_name, kind = "changed", may_set_state = true, free_fields = true }), inner
end

--- Hides a record from work and keeps everything.
function records.archive(entity, sealed)
  local inner, before = find_to_change(entity, sealed, "archive")
  local ctx = context.current()
  local after = copy(before)
  after.archived_at = clock.format(ctx.at)
  return write(ctx, entity, inner, before, after, "archived",
    sql.archive(entity), { ctx.at }, 1, { archived_at = json.null }, { archived_at = after.archived_at }), inner
end

-- Whether two values of a field are the same; amounts also when their currencies differ, where == would raise.
local function same(a, b)
  if type(a) == "userdata" and type(b) == "userdata" then
    return a:currency() == b:currency() and a:scale() == b:scale() and a:units() == b:units()
  end
  return a == b
end

--- Whether two records of an entity have the same values.
function records.equal(entity, a, b)
  for _, field in ipairs(entity.fields) do
    if not same(a[field.name], b[field.name]) then
      return false
    end
  end
  return a.archived_at == b.archived_at
end

records.not_found, records.forbidden, records.copy = not_found, forbidden, copy

return records
