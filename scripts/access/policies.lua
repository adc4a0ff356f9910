-- scripts/access/policies.lua: who may see and change what, as declared, and compiled to branches.
--
-- A grant says: this role may do these actions on the records that its policy lets through, and sees these fields.
-- Nothing is allowed that no grant allows. Grants add up.
--
-- A policy is never a function that is called for each row. For one actor it compiles to *branches*: one for each column
-- that policies look at, equal to one of some values (or one without a condition). With what each excepts they are
-- disjoint, for sums; a list is the merge of ordered index scans, one for each value (scripts/sql/list.lua):
--
--   { column = "unit", values = { 7, 8 } }, { column = "owner", values = { 3 }, except = { { column = "unit", values = { 7, 8 } } } }

local id = require "core.id"
local meters = require "access.meters"
local misspelt = require "misspelt"
local places = require "places"
local registry = require "entities.registry"

local policies = { grants = {} }

-- What each policy operator compares: the default field, and the values that it lets through for the chairs that the
-- actor has with the grant's role.
local operators = {
  own = { field = "owner", to = "position", values = function(actor, role) return actor:positions_of(role) end },
  unit = { field = "unit", to = "unit", values = function(actor, role) return actor:units_of(role) end },
  unit_subtree = { field = "unit", to = "unit", values = function(actor, role) return actor:subtree_of(role) end },
  unit_above = { field = "unit", to = "unit", values = function(actor, role) return actor:above_of(role) end },
  partner = { field = "unit", to = "unit", values = function(actor, role) return actor:partner_company_of(role) end },
}

local policy_names = { "all" }
for name in pairs(operators) do
  policy_names[#policy_names + 1] = name
end

local common_actions = { read = true, create = true, update = true, archive = true, decisions = true }

local function compile_where(entity, where)
  if where == nil or where == "all" then
    return { operator = "all" }
  end
  local operator, field
  if type(where) == "table" then
    operator, field = next(where)
    if next(where, operator) ~= nil then
      error(("mill.access %s: where names one policy, this names several"):format(entity.name), 0)
    end
  else
    operator = where
  end
  local known = operators[operator]
  if not known then
    error(("mill.access %s: there is no policy %s; possible are all, own, unit, unit_subtree, unit_above, partner%s"):format(
      entity.name, tostring(operator), misspelt.hint(operator, policy_names)), 0)
  end
  field = field or entity[known.field] or entity.by_name[known.field] and known.field
  local to = field == "id" and entity.name or field and entity.by_name[field] and entity.by_name[field].to
  if to ~= known.to then
    error(("mill.access %s: the policy %s needs a field that refers to %s, not %s"):format(
      entity.name, operator, known.to, tostring(field)), 0)
  end
  return { operator = operator, field = field, values = known.values }
end

local grant_keys = { role = true, allow = true, where = true, fields = true, metered = true }

local function make_grant(entity, i, declared, place)
  misspelt.check_keys(("mill.access %s: grant %d"):format(entity.name, i), declared, grant_keys, place)
  if type(declared.role) ~= "string" then
    error(("mill.access %s: grant %d needs a role"):format(entity.name, i), 0)
  end
  local grant = { role = declared.role, where = compile_where(entity, declared.where), actions = {} }
  if declared.allow == "all" then
    grant.all_actions = true
  elseif type(declared.allow) == "table" then
    for _, action in ipairs(declared.allow) do
      grant.actions[action] = true
    end
  else
    error(("mill.access %s: grant %d needs allow, a list of actions or \"all\""):format(entity.name, i), 0)
  end
  if declared.fields then
    grant.fields = { id = true, version = true }
    for _, field in ipairs(declared.fields) do
      if not entity.by_name[field] then
        error(("mill.access %s: grant %d names the unknown field %s%s"):format(entity.name, i, tostring(field),
          misspelt.hint(field, entity.by_name)), 0)
      end
      grant.fields[field] = true
    end
  end
  if declared.metered ~= nil then
    local what = ("mill.access %s: grant %d"):format(entity.name, i)
    if not (grant.all_actions or grant.actions.read) then
      error(what .. ": only what may be read is metered; it does not allow read", 0)
    end
    grant.meter = meters.declare(what, entity, declared.role, declared.metered, place)
  end
  return grant
end

--- Declares the grants of an entity; several plugins may each add some.
---@param where string file and line of the declaration
function policies.declare(entity_name, spec, plugin, where)
  local entity = registry.get(entity_name) or error(("mill.access: there is no entity %s%s"):format(
    tostring(entity_name), misspelt.hint(entity_name, registry.by_name)), 0)
  local list = policies.grants[entity_name] or {}
  policies.grants[entity_name] = list
  for i, declared in ipairs(spec) do
    local place = places.item(where, i)
    local grant = places.within(place, make_grant, entity, i, declared, place)
    grant.plugin, grant.declared = plugin, place
    list[#list + 1] = grant
  end
end

--- Checks, when everything is loaded, that each action named in a grant exists.
---@param has_action fun(entity: table, action: string): boolean
---@param actions_of fun(entity: table): string[] all that there are
function policies.finish(has_action, actions_of)
  for entity_name, list in pairs(policies.grants) do
    local entity = registry.get(entity_name)
    for _, grant in ipairs(list) do
      for action in pairs(grant.actions) do
        if not common_actions[action] and not has_action(entity, action) then
          local known = table.move(actions_of(entity), 1, 1000, 6, { "read", "create", "update", "archive", "decisions" })
          error(("%s: mill.access %s: there is no action or move %s%s"):format(
            tostring(grant.declared), entity_name, tostring(action), misspelt.hint(action, known)), 0)
        end
      end
    end
  end
end

--- The grants whose role is not among those that exist, one for each role, in the order of their names.
---@param roles table<string, true>
---@return table[]
function policies.of_unknown_roles(roles)
  local found, seen = {}, {}
  for _, list in pairs(policies.grants) do
    for _, grant in ipairs(list) do
      if not roles[grant.role] and not seen[grant.role] then
        seen[grant.role] = true
        found[#found + 1] = grant
      end
    end
  end
  table.sort(found, function(a, b)
    return a.role < b.role
  end)
  return found
end

local function shows(grant, fields)
  for _, field in ipairs(fields or {}) do
    if grant.fields and not grant.fields[field] then
      return false
    end
  end
  return true
end

-- What has been worked out for an actor and an entity, by action and other names. An actor is found anew whenever
-- roles, positions or units change, so this stays true as long as the actor lives.
local function memo_of(actor, entity)
  local memo = actor.memo[entity]
  if not memo then
    memo = {}
    actor.memo[entity] = memo
  end
  return memo
end

-- The grants of the actor's roles for an action. Those with a meter come last: it counts what no grant before it shows.
local function grants_of(entity, action, actor)
  local memo = memo_of(actor, entity)
  local found = memo[action]
  if not found then
    local metered = {}
    found = {}
    for _, grant in ipairs(policies.grants[entity.name] or {}) do
      if actor.roles[grant.role] and (grant.all_actions or grant.actions[action]) then
        local list = grant.meter and metered or found
        list[#list + 1] = grant
      end
    end
    table.move(metered, 1, #metered, #found + 1, found)
    memo[action] = found
  end
  return found
end

--- The meters by which alone the actor reads, or nil when it may see something uncounted.
---@return table[]|nil
function policies.only_metered(entity, actor)
  if actor.system then
    return nil
  end
  local list = {}
  for i, grant in ipairs(grants_of(entity, "read", actor)) do
    if not grant.meter then
      return nil
    end
    list[i] = grant.meter
  end
  return list
end

-- Of the grants of an action, the ones that show all the fields used.
local function grants_for(entity, action, actor, fields)
  local grants = grants_of(entity, action, actor)
  if not fields or #fields == 0 then
    return grants
  end
  local found = {}
  for _, grant in ipairs(grants) do
    if shows(grant, fields) then
      found[#found + 1] = grant
    end
  end
  return found
end

--- The meters of what the actor may read, where no uncounted grant shows `fields` of all records; or nil. For sums, which do
--- not know by which grants a record is in them.
---@param fields string[]
---@return table[]|nil
function policies.meters_of_sums(entity, actor, fields)
  local list, seen = nil, {}
  for _, grant in ipairs(actor.system and {} or grants_for(entity, "read", actor, fields)) do
    if not grant.meter and grant.where.operator == "all" then
      return nil
    elseif grant.meter and not seen[grant.meter] then
      list = list or {}
      list[#list + 1], seen[grant.meter] = grant.meter, true
    end
  end
  return list
end

--- Whether it matters to the actor's grants for an action which fields are touched.
---@return boolean
function policies.asks_fields(entity, action, actor)
  if actor.system then
    return false
  end
  local grants = grants_of(entity, action, actor)
  if grants.asks_fields == nil then
    grants.asks_fields = false
    for _, grant in ipairs(grants) do
      grants.asks_fields = grants.asks_fields or grant.fields ~= nil
    end
  end
  return grants.asks_fields
end

--- Whether the actor has any grant at all for an action, touching `fields`.
---@param fields string[]|nil
---@return boolean
function policies.any(entity, action, actor, fields)
  return actor.system or #grants_for(entity, action, actor, fields) > 0
end

--- The branches of what the actor may do `action` to, using only grants that show all of `fields`. An empty list
--- lets nothing through.
---@param entity table
---@param action string
---@param actor table
---@param fields string[]|nil
---@return table[]
function policies.branches(entity, action, actor, fields)
  if actor.system then
    return { {} }
  end
  local columns, by_column = {}, {}
  for _, grant in ipairs(grants_for(entity, action, actor, fields)) do
    local where = grant.where
    if where.operator == "all" then
      return { {} }
    end
    local set = by_column[where.field]
    if not set then
      set = { column = where.field, values = {}, seen = {} }
      by_column[where.field] = set
      columns[#columns + 1] = set
    end
    for _, value in ipairs(where.values(actor, grant.role)) do
      if not set.seen[value] then
        set.seen[value] = true
        set.values[#set.values + 1] = value
      end
    end
  end
  local branches, except = {}, {}
  for _, set in ipairs(columns) do
    if #set.values > 0 then
      local before = table.move(except, 1, #except, 1, {})
      branches[#branches + 1] = { column = set.column, values = set.values, except = before }
      except[#except + 1] = { column = set.column, values = set.values }
    end
  end
  return branches
end

local function lets_through(grant, actor, record)
  local where = grant.where
  if where.operator == "all" then
    return true
  end
  local value = record[where.field] and id.open(record[where.field])
  for _, allowed in ipairs(value and where.values(actor, grant.role) or {}) do
    if allowed == value then
      return true
    end
  end
  return false
end

--- Whether the actor may do `action` to this record (all of its fields given), touching `fields`.
---@return boolean
function policies.allows(entity, action, actor, record, fields)
  if actor.system then
    return true
  end
  for _, grant in ipairs(grants_for(entity, action, actor, fields)) do
    if lets_through(grant, actor, record) then
      return true
    end
  end
  return false
end

-- Adds the fields of a grant; whether there was one more.
local function add_fields(fields, grant)
  local adds = false
  for field in pairs(grant.fields) do
    adds = adds or not fields[field]
    fields[field] = true
  end
  return adds
end

--- Which fields of this record the actor may see: a set, `true` for all, or nil when the record may not be seen; and the
--- meters that count it (scripts/access/meters.lua), or nil.
---@return table|true|nil
---@return table[]|nil
function policies.visible(entity, actor, record)
  if actor.system then
    return true
  end
  local fields, counted
  for _, grant in ipairs(grants_for(entity, "read", actor)) do
    if lets_through(grant, actor, record) then
      local all = not grant.fields
      fields = fields or not all and {} or nil
      if (all or add_fields(fields, grant)) and grant.meter then
        counted = counted or {}
        counted[#counted + 1] = grant.meter
      end
      if all then
        return true, counted
      end
    end
  end
  return fields, counted
end

local function find_known_fields(entity, actor)
  local fields = {}
  for _, grant in ipairs(grants_of(entity, "read", actor)) do
    if not grant.fields then
      return true
    end
    for field in pairs(grant.fields) do
      fields[field] = true
    end
  end
  return fields
end

--- Which fields of the entity the actor may see in any record at all: a set, or `true`.
---@return table|true
function policies.known_fields(entity, actor)
  if actor.system then
    return true
  end
  local memo = memo_of(actor, entity)
  memo["known fields"] = memo["known fields"] or find_known_fields(entity, actor)
  return memo["known fields"]
end

--- The columns that the policies of an entity look at.
---@return string[]
function policies.columns(entity)
  local names, seen = {}, {}
  for _, grant in ipairs(policies.grants[entity.name] or {}) do
    local field = grant.where.field
    if field and not seen[field] then
      seen[field] = true
      names[#names + 1] = field
    end
  end
  return names
end

local function names_of(fields)
  local names = {}
  for field in pairs(fields) do
    names[#names + 1] = field
  end
  return names
end

local function make_rights(made, actor)
  local list, counted, number = {}, {}, {}
  for i, grant in ipairs(grants_of(made.entity, "read", actor)) do
    local where, meter = grant.where, grant.meter
    if meter and not number[meter] then
      counted[#counted + 1] = meter
      number[meter] = #counted
    end
    list[i] = {
      column = where.field and made.position[where.field], values = where.values and where.values(actor, grant.role),
      members = grant.fields and names_of(grant.fields), meter = meter and number[meter],
    }
  end
  return made.shape:rights(list), counted
end

--- What the actor may see through a projection (scripts/entities/projections.lua), and the meters that it numbers.
---@return userdata rights see core/script/projection.h
---@return table[] meters
function policies.rights(made, actor)
  if actor.system then
    made.whole = made.whole or made.shape:rights { {} }
    return made.whole, {}
  end
  local memo = memo_of(actor, made)
  if not memo.rights then
    memo.rights, memo.meters = make_rights(made, actor)
  end
  return memo.rights, memo.meters
end

return policies
