-- scripts/access/policies.lua: who may see and change what, as declared, and compiled to branches.
--
-- A grant says: this role may do these actions on the records that its policy lets through, and sees these fields.
-- Nothing is allowed that no grant allows. Grants add up.
--
-- A policy is never a function that is called for each row. For one actor it compiles to *branches*, each an
-- equality on one column (or no condition at all), disjoint, so that a list is the merge of ordered index scans:
--
--   { column = "unit", value = 7 }, { column = "owner", value = 3, except = { { column = "unit", values = { 7 } } } }

local id = require "core.id"
local registry = require "entities.registry"

local policies = { grants = {} }

-- What each policy operator compares: the default field, and the values that it lets through.
local operators = {
  own = { field = "owner", values = function(actor) return actor.positions end },
  unit = { field = "unit", values = function(actor) return actor.units end },
  unit_subtree = { field = "unit", values = function(actor) return actor:subtree() end },
  partner = { field = "unit", values = function(actor) return actor:partner_company() end },
}

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
    error(("mill.access %s: there is no policy %s; possible are all, own, unit, unit_subtree, partner"):format(entity.name, tostring(operator)), 0)
  end
  field = field or entity[known.field] or entity.by_name[known.field] and known.field
  if field ~= "id" and not (field and entity.by_name[field] and entity.by_name[field].type == "reference") then
    error(("mill.access %s: the policy %s needs a reference field, not %s"):format(entity.name, operator, tostring(field)), 0)
  end
  return { operator = operator, field = field, values = known.values }
end

local grant_keys = { role = true, allow = true, where = true, fields = true }

--- Declares the grants of an entity; several plugins may each add some.
---@param where string file and line of the declaration
function policies.declare(entity_name, spec, plugin, where)
  local entity = registry.get(entity_name) or error("mill.access: there is no entity " .. tostring(entity_name), 0)
  local list = policies.grants[entity_name] or {}
  policies.grants[entity_name] = list
  for i, declared in ipairs(spec) do
    for key in pairs(declared) do
      if not grant_keys[key] then
        error(("mill.access %s: grant %d has no property %s"):format(entity_name, i, tostring(key)), 0)
      end
    end
    if type(declared.role) ~= "string" then
      error(("mill.access %s: grant %d needs a role"):format(entity_name, i), 0)
    end
    local grant = { role = declared.role, plugin = plugin, declared = where, where = compile_where(entity, declared.where), actions = {} }
    if declared.allow == "all" then
      grant.all_actions = true
    elseif type(declared.allow) == "table" then
      for _, action in ipairs(declared.allow) do
        grant.actions[action] = true
      end
    else
      error(("mill.access %s: grant %d needs allow, a list of actions or \"all\""):format(entity_name, i), 0)
    end
    if declared.fields then
      grant.fields = { id = true, version = true }
      for _, field in ipairs(declared.fields) do
        if not entity.by_name[field] then
          error(("mill.access %s: grant %d names the unknown field %s"):format(entity_name, i, tostring(field)), 0)
        end
        grant.fields[field] = true
      end
    end
    list[#list + 1] = grant
  end
end

--- Checks, when everything is loaded, that each action named in a grant exists.
---@param has_action fun(entity: table, action: string): boolean
function policies.finish(has_action)
  for entity_name, list in pairs(policies.grants) do
    local entity = registry.get(entity_name)
    for _, grant in ipairs(list) do
      for action in pairs(grant.actions) do
        if not common_actions[action] and not has_action(entity, action) then
          error(("%s: mill.access %s: there is no action or move %s"):format(grant.declared, entity_name, tostring(action)), 0)
        end
      end
    end
  end
end

local function shows(grant, fields)
  for _, field in ipairs(fields or {}) do
    if grant.fields and not grant.fields[field] then
      return false
    end
  end
  return true
end

-- The grants of the actor's roles for an action, of those that show all the fields used.
local function grants_for(entity, action, actor, fields)
  local found = {}
  for _, grant in ipairs(policies.grants[entity.name] or {}) do
    if actor.roles[grant.role] and (grant.all_actions or grant.actions[action]) and shows(grant, fields) then
      found[#found + 1] = grant
    end
  end
  return found
end

--- Whether the actor has any grant at all for an action.
---@return boolean
function policies.any(entity, action, actor)
  return actor.system or #grants_for(entity, action, actor) > 0
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
    for _, value in ipairs(where.values(actor)) do
      if not set.seen[value] then
        set.seen[value] = true
        set.values[#set.values + 1] = value
      end
    end
  end
  local branches, except = {}, {}
  for _, set in ipairs(columns) do
    for _, value in ipairs(set.values) do
      branches[#branches + 1] = { column = set.column, value = value, except = table.move(except, 1, #except, 1, {}) }
    end
    if #set.values > 0 then
      except[#except + 1] = { column = set.column, values = set.values }
    end
  end
  return branches
end

local function lets_through(where, actor, record)
  if where.operator == "all" then
    return true
  end
  local value = record[where.field] and id.open(record[where.field])
  for _, allowed in ipairs(value and where.values(actor) or {}) do
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
    if lets_through(grant.where, actor, record) then
      return true
    end
  end
  return false
end

--- Which fields of this record the actor may see: a set, `true` for all, or nil when the record may not be seen.
---@return table|true|nil
function policies.visible(entity, actor, record)
  if actor.system then
    return true
  end
  local fields
  for _, grant in ipairs(grants_for(entity, "read", actor)) do
    if lets_through(grant.where, actor, record) then
      if not grant.fields then
        return true
      end
      fields = fields or {}
      for field in pairs(grant.fields) do
        fields[field] = true
      end
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
  local fields = {}
  for _, grant in ipairs(grants_for(entity, "read", actor)) do
    if not grant.fields then
      return true
    end
    for field in pairs(grant.fields) do
      fields[field] = true
    end
  end
  return fields
end

return policies
