-- scripts/entities/query.lua: lists and sums under the actor's policies.
--
-- A question is a table: conditions ({ field, operator, text } as in `score.ge=80`), sort ("-score,name"), limit,
-- cursor, fields, expand. Everything that it names must be visible to the actor in each row that is returned: only the
-- grants that show all the fields used are compiled, so a hidden field can neither filter nor order nor sum.

local context = require "context"
local hash = require "core.hash"
local id = require "core.id"
local json = require "core.json"
local list_sql = require "sql.list"
local meters = require "access.meters"
local policies = require "access.policies"
local problem = require "problem"
local projections = require "entities.projections"
local records = require "entities.records"
local registry = require "entities.registry"
local sql = require "sql"
local store = require "core.store"
local types = require "entities.types"

local query = {}

local MAX_GROUPS = 10000

local common = registry.common_by_name

-- The field of that name that the actor may know of, or nil.
local function known_field(entity, actor, name)
  local field = entity.by_name[name] or common[name]
  local known = policies.known_fields(entity, actor)
  if field and not field.kind.secret and (known == true or known[name]) then
    return field
  end
  return nil
end

local function known_list(entity, actor, fits)
  local names = {}
  for _, list in ipairs { registry.common, entity.fields } do
    for _, one in ipairs(list) do
      local field = known_field(entity, actor, one.name)
      if field and (not fits or fits(field)) then
        names[#names + 1] = one.name
      end
    end
  end
  return table.concat(names, ", ")
end

local function refuse(name, code, values)
  problem.raise(400, { problem.fault(name, code, values) })
end

local function split(text)
  local names = {}
  for name in (text .. ","):gmatch("([^,]*),") do
    names[#names + 1] = name
  end
  return names
end

-- A value to compare with, from a query's text or as a plugin gives it; for money the base amount. What a field would
-- not take may still be compared with.
local function comparable(entity, field, parameter, given)
  local read = type(given) == "string" and field.kind.operand or field.kind.read
  local value, fault = read(field, given)
  if value ~= nil then
    return value
  elseif field.kind == types.reference then
    fault = { "field.reference", { entity = (registry.get(field.to) or entity).label } }
  end
  return problem.raise(400, { problem.fault(parameter, table.unpack(fault)) })
end

--- Refuses a parameter that is neither an option nor (here) a filter.
function query.refuse_unknown(condition)
  refuse(condition.field, "query.unknown", { name = condition.field, known = "fields, expand" })
end

local function has_operator(field, operator)
  for _, one in ipairs(field.kind.operators) do
    if one == operator then
      return true
    end
  end
  return false
end

local function read_condition(entity, actor, condition, used)
  local field = known_field(entity, actor, condition.field)
  local parameter = condition.operator == "eq" and condition.field or condition.field .. "." .. condition.operator
  if not field then
    refuse(parameter, "query.unknown", { name = condition.field, known = known_list(entity, actor) })
  elseif not has_operator(field, condition.operator) then
    local spelt = {}
    for i, operator in ipairs(field.kind.operators) do
      spelt[i] = operator == "eq" and field.name or field.name .. "." .. operator
    end
    refuse(parameter, "query.operator", { operator = "." .. condition.operator, known = table.concat(spelt, ", ") })
  end
  used[#used + 1] = field.name
  local value
  if condition.operator == "null" then
    if condition.text ~= "true" and condition.text ~= "false" then
      refuse(parameter, "field.boolean")
    end
    value = condition.text == "true"
  elseif condition.operator == "in" then
    value = {}
    for _, one in ipairs(condition.values or split(condition.text)) do
      value[#value + 1] = comparable(entity, field, parameter, one)
    end
    if #value > 200 then
      refuse(parameter, "query.too_many", { max = 200 })
    end
  elseif condition.operator == "has" then
    value = field.kind.operand(field, condition.text)
  else
    value = comparable(entity, field, parameter, condition.text)
  end
  return { column = field.sort_column, operator = condition.operator, value = value, field = field.name }
end

local function read_conditions(entity, actor, given, used)
  local conditions, archived = {}, false
  for _, condition in ipairs(given or {}) do
    local made = read_condition(entity, actor, condition, used)
    archived = archived or made.field == "archived_at"
    conditions[#conditions + 1] = made
  end
  if not archived then
    conditions[#conditions + 1] = { column = "archived_at", operator = "null", value = true }
  end
  return conditions
end

-- Only the columns that the framework fills itself never hold NULL.
local function sort_key(field, descending)
  local nullable = not common[field.name] or field.name == "archived_at"
  local kind = common[field.name] and "INTEGER"
  for _, column in ipairs(field.columns) do
    kind = column.name == field.sort_column and column.kind or kind
  end
  return { name = field.name, column = field.sort_column, descending = descending, nullable = nullable, kind = kind }
end

local function read_sort(entity, actor, text, used)
  local sort, seen = {}, {}
  for part in ((text or "id") .. ","):gmatch("([^,]*),") do
    local descending, name = part:match("^(%-?)(.*)$")
    local field = known_field(entity, actor, name)
    if not field or not field.sort_column or seen[name] then
      refuse("sort", "query.sort", { name = name, known = known_list(entity, actor, function(one) return one.sort_column end) })
    end
    seen[name] = true
    used[#used + 1] = name
    sort[#sort + 1] = sort_key(field, descending == "-")
  end
  if #sort > 4 then
    refuse("sort", "query.too_many", { max = 4 })
  end
  if not seen.id then
    sort[#sort + 1] = sort_key(common.id, sort[#sort].descending)
  end
  return sort
end

-- What a cursor belongs to: the same list, question and person.
local function cursor_scope(entity, question, actor)
  local parts = { entity.name, question.sort or "", tostring(actor.user) }
  for _, condition in ipairs(question.conditions or {}) do
    parts[#parts + 1] = condition.field .. "." .. condition.operator .. "=" .. condition.text
  end
  return table.concat(parts, "\0")
end

local function open_cursor(text, scope, count)
  local plain = hash.open(text, scope)
  local after = plain and json.decode(plain)
  if type(after) ~= "table" or after.n ~= count then
    refuse("cursor", "query.cursor")
  end
  for i = 1, count do
    local value = after[tostring(i)]
    if type(value) == "table" or type(value) == "boolean" then
      refuse("cursor", "query.cursor")
    end
    after[i] = value ~= json.null and value or nil
  end
  return after
end

local function make_cursor(made, row, sort, scope)
  local plain = { n = #sort }
  for i, key in ipairs(sort) do
    local value = row[made.position[key.column]]
    plain[tostring(i)] = value == nil and json.null or value
  end
  return hash.seal(json.encode(plain), scope)
end

local function read_fields(entity, actor, text)
  if not text then
    return nil
  end
  local only = { id = true }
  for _, name in ipairs(split(text)) do
    if not known_field(entity, actor, name) then
      refuse("fields", "query.field", { name = name, known = known_list(entity, actor) })
    end
    only[name] = true
  end
  return only
end

local function read_expand(entity, actor, text)
  local names = {}
  for _, name in ipairs(text and split(text) or {}) do
    local field = known_field(entity, actor, name)
    if not field or field.type ~= "reference" or common[name] then
      refuse("expand", "query.expand", { name = name, known = known_list(entity, actor, function(one)
        return one.type == "reference"
      end) })
    end
    names[#names + 1] = field
  end
  return names
end

--- The projection that a question asks for.
---@param entity table
---@param question table `fields`, `expand` as texts
---@param sort table[]|nil what a list is sorted by
---@return table
function query.projection(entity, question, sort)
  if not (question.fields or question.expand or sort) then
    return projections.of(entity)
  end
  local actor = context.current().actor
  return projections.of(entity, read_fields(entity, actor, question.fields), read_expand(entity, actor, question.expand), sort)
end

local function read_limit(text)
  local limit = text == nil and 50 or text:find("^%d+$") and #text <= 3 and math.tointeger(tonumber(text))
  if not limit or limit < 1 or limit > 200 then
    refuse("limit", "query.limit")
  end
  return limit
end

-- Of so many values each is a scan; of more, the store's statements would take too much room.
local SCANS = 128
-- So few records are found and sorted; where there are more, a page is soon full when all are passed in order.
local FEW = 5000
-- So many are sorted for a list that no index serves.
local SORTED = 100000

local everything = { {} }

-- How many records there are in the branches (that fit), counted as far as `most`.
local function count(entity, branches, condition, most)
  local found = 0
  for _, branch in ipairs(branches) do
    if found < most then
      local text, params, n = list_sql.count(entity, branch, condition, most - found)
      found = found + store.query(text, table.unpack(params, 1, n))[1][1]
    end
  end
  return found
end

-- Whether by a condition an index finds few records.
local function finds_few(entity, conditions)
  for _, condition in ipairs(conditions) do
    local finds = condition.operator == "eq" or condition.operator == "in"
    if finds and registry.is_unique(entity, condition.column) then
      return true
    elseif finds and registry.orders(entity, condition.column)
      and count(entity, everything, condition, FEW + 1) <= FEW then
      return true
    end
  end
  return false
end

-- Who has very many units sees a great part of all, or very little.
local function way_of(entity, branches)
  local values = 0
  if not branches[1].column then
    return "all"
  end
  for _, branch in ipairs(branches) do
    values = values + #branch.values
  end
  if values <= SCANS then
    return "merged"
  end
  return count(entity, branches, nil, FEW + 1) > FEW and "filtered" or "sorted"
end

-- More than can be sorted, in an order that no index has.
local function refuse_order(entity, sort)
  local actor = context.current().actor
  refuse("sort", "query.unserved", {
    name = sort[1].name, max = SORTED, known = known_list(entity, actor, function(field)
      return field.sort_column and registry.orders(entity, field.sort_column, true)
    end),
  })
end

-- How a list is read, by what is known of its records: a condition finds few of them; or an index has them in the order
-- of the list within each branch; or all are sorted.
local function scans_of(entity, asked)
  local conditions, branches, first = asked.conditions, asked.branches, asked.sort[1].column
  if finds_few(entity, conditions) then
    asked.finding, asked.fitting = conditions, {}
    return list_sql.scans(entity, asked, branches[1].column and "filtered" or "all")
  elseif not registry.orders(entity, first, branches[1].column ~= nil) then
    if asked.bounded and count(entity, branches, nil, SORTED + 1) > SORTED then
      refuse_order(entity, asked.sort)
    end
    asked.finding, asked.fitting = conditions, {}
    return list_sql.scans(entity, asked, branches[1].column and "sorted" or "all")
  end
  asked.finding, asked.fitting = {}, {}
  for _, condition in ipairs(conditions) do
    local to = condition.column == first and asked.finding or asked.fitting
    to[#to + 1] = condition
  end
  return list_sql.scans(entity, asked, way_of(entity, branches))
end

--- A page of records.
---@param entity table
---@param question table
---@return string objects as JSON with commas between them, as the actor may see them
---@return string|nil next the cursor of the next page
function query.list(entity, question)
  local actor = context.current().actor
  if not policies.any(entity, "read", actor) then
    records.forbidden()
  end
  meters.check(policies.only_metered(entity, actor))
  local used = {}
  local conditions = read_conditions(entity, actor, question.conditions, used)
  local sort = read_sort(entity, actor, question.sort, used)
  local limit = read_limit(question.limit)
  local scope = cursor_scope(entity, question, actor)
  local after = question.cursor and open_cursor(question.cursor, scope, #sort)
  local made = query.projection(entity, question, sort)
  local branches = policies.branches(entity, "read", actor, used)
  if #branches == 0 then
    return "", nil
  end
  local scans, has_fits = scans_of(entity, {
    columns = made.columns, branches = branches, conditions = conditions, sort = sort, after = after, limit = limit + 1,
    bounded = true,
  })
  local objects, _, last = projections.read(made, limit, projections.order(made, sort, has_fits), scans)
  return objects, last and make_cursor(made, last, sort, scope) or nil
end

--- All records that fit, for plugins: at most 1,000, whole records where the actor may see them.
---@param entity table
---@param conditions table[] as in a question
---@param sort string|nil
---@param limit integer
---@return table[]
function query.records(entity, conditions, sort, limit)
  local actor = context.current().actor
  local used = {}
  local conditions_read, sorted = read_conditions(entity, actor, conditions, used), read_sort(entity, actor, sort, used)
  local branches = policies.branches(entity, "read", actor, used)
  local found = {}
  if #branches > 0 then
    local made = projections.of(entity)
    local scans, has_fits = scans_of(entity, {
      columns = made.columns, branches = branches, conditions = conditions_read, sort = sorted, limit = limit,
    })
    local order = projections.order(made, sorted, has_fits)
    for i, record in ipairs(records.found(made, limit, order, scans)) do
      local visible, counted = policies.visible(entity, actor, record)
      meters.note_one(counted, counted and id.open(record.id))
      found[i] = records.masked(entity, record, visible)
    end
  end
  return found
end

-- The names of an option that lists some, each once.
local function split_once(option, text)
  local names, seen = text and split(text) or {}, {}
  for _, name in ipairs(names) do
    if seen[name] then
      refuse(option, "query.twice", { name = name })
    end
    seen[name] = true
  end
  return names
end

local function read_by(entity, actor, text, used)
  local by = {}
  for _, name in ipairs(split_once("by", text)) do
    local own, other = name:match("^([%l%d_]+)%.([%l%d_]+)$")
    own, other = own or name, other or ""
    local field = known_field(entity, actor, own)
    if not field or not field.sort_column or (other ~= "" and field.type ~= "reference") then
      refuse("by", "query.by")
    end
    used[#used + 1] = own
    local group = { name = name, column = field.columns and field.columns[1].name or field.sort_column, field = field }
    if other ~= "" then
      local target = registry.get(field.to)
      local far = known_field(target, actor, other)
      if not far or not far.sort_column then
        refuse("by", "query.by")
      end
      group.field = far
      group.reference = {
        entity = target.name, column = far.sort_column, branches = policies.branches(target, "read", actor, { other }),
        meters = policies.meters_of_sums(target, actor, { other }),
      }
    else
      group.column = field.sort_column
    end
    by[#by + 1] = group
  end
  if #by > 4 then
    refuse("by", "query.too_many", { max = 4 })
  end
  return by
end

local function read_sums(entity, actor, text, used)
  local sums = {}
  local function summable(field)
    return field.kind.sum
  end
  for _, name in ipairs(split_once("sum", text)) do
    local field = known_field(entity, actor, name)
    if not field or not field.kind.sum or common[name] then
      refuse("sum", "query.sum", { name = name, known = known_list(entity, actor, function(one)
        return summable(one) and not common[one.name]
      end) })
    end
    used[#used + 1] = name
    sums[#sums + 1] = field
  end
  return sums
end

local function group_value(field, value)
  if value == nil then
    return json.null
  elseif field.type == "id" then
    return id.seal(value)
  elseif field.type == "money" then
    return field.kind.sum_value(field, value)
  end
  return field.kind.load(field, value)
end

-- The groups, each `by …, count, sum …`. Who may see nothing has none, but for the one that is not grouped: nothing
-- counted and nothing summed.
local function summary_rows(entity, branches, conditions, by, sums)
  if #branches == 0 then
    return #by == 0 and { { 0 } } or {}
  end
  local columns = {}
  for i, field in ipairs(sums) do
    columns[i] = field.sum_column
  end
  local text, params, n = sql.summary(entity, {
    branches = branches, conditions = conditions, by = by, sum = columns, limit = MAX_GROUPS + 1,
  })
  local ok, rows = pcall(store.query, text, table.unpack(params, 1, n))
  if not ok then
    if type(rows) == "table" and rows.store and tostring(rows.message):find("overflow", 1, true) then
      refuse("sum", "query.overflow")
    end
    error(rows, 0)
  elseif #rows > MAX_GROUPS then
    refuse("by", "detail.limit_groups", { max = MAX_GROUPS })
  end
  return rows
end

-- A sum tells of no record, but that of one, and a group of one, is that record.
local function note_single(counted, rows, groups, sums)
  local single = 0
  for _, row in ipairs(counted and groups + sums > 0 and rows or {}) do
    single = single + (row[groups + 1] == 1 and 1 or 0)
  end
  for _, meter in ipairs(counted or {}) do
    meters.note(meter, single)
  end
end

-- So is a group whose records all refer to one, which it names.
local function note_referred(rows, by, sums)
  local at = #by + 1 + sums
  for i, one in ipairs(by) do
    local counted = one.reference and one.reference.meters
    for _, row in ipairs(counted and rows or {}) do
      if row[i] ~= nil and row[at + 1] == row[at + 2] then
        meters.note_one(counted, row[at + 1])
      end
    end
    at = counted and at + 2 or at
  end
end

--- Counts and sums by groups.
---@param entity table
---@param question table `by`, `sum`, `count` (texts; `count` is empty or "true"), conditions
---@return table[] data `{ by = {}, count = n, sum = {} }`
function query.summary(entity, question)
  local actor = context.current().actor
  if not policies.any(entity, "read", actor) then
    records.forbidden()
  end
  local used = {}
  local conditions = read_conditions(entity, actor, question.conditions, used)
  local by = read_by(entity, actor, question.by, used)
  local sums = read_sums(entity, actor, question.sum, used)
  if question.count and question.count ~= "" and question.count ~= "true" then
    refuse("count", "query.count")
  end
  local data = json.array {}
  local rows = summary_rows(entity, policies.branches(entity, "read", actor, used), conditions, by, sums)
  note_single(policies.meters_of_sums(entity, actor, used), rows, #by, #sums)
  note_referred(rows, by, #sums)
  for i, row in ipairs(rows) do
    local group = { by = {} }
    for j, one in ipairs(by) do
      group.by[one.name] = group_value(one.field, row[j])
    end
    if question.count then
      group.count = row[#by + 1]
    end
    for j, field in ipairs(sums) do
      group.sum = group.sum or {}
      local total = row[#by + 1 + j]
      group.sum[field.name] = total == nil and json.null or field.kind.sum_value(field, total)
    end
    data[i] = group
  end
  return data
end

return query
