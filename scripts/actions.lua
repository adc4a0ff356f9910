-- scripts/actions.lua: commands of plugins on one record, beyond create, update, archive and the lifecycle's moves.

local misspelt = require "misspelt"
local registry = require "entities.registry"

local actions = { by_entity = {} }

local action_keys = { title = true, run = true }

--- Declares an action: `POST /api/v1/ENTITY/ID/NAME`.
---@param name string "entity.action"
---@param spec table `title`, `run(record, body)`: its result, when it is a record, is the answer
---@param plugin table
---@param where string file and line of the declaration
function actions.declare(name, spec, plugin, where)
  local entity_name, action = tostring(name):match("^([%l%d_]+)%.([%l%d_]+)$")
  local entity = entity_name and registry.get(entity_name)
  if not entity then
    error(("mill.action %q: the name must be ENTITY.ACTION, of an entity that exists%s"):format(
      tostring(name), misspelt.hint(entity_name, registry.by_name)), 0)
  elseif registry.reserved_actions[action] then
    error(("mill.action %s: the name %s is reserved"):format(name, action), 0)
  end
  misspelt.check_keys("action " .. tostring(name), spec, action_keys, where)
  local list = actions.by_entity[entity_name] or {}
  actions.by_entity[entity_name] = list
  if list[action] or type(spec.run) ~= "function" then
    error(("action %s: %s"):format(name, list[action] and "it is declared twice" or "it needs run, a function"), 0)
  end
  list[action] = { name = action, title = spec.title, run = spec.run, plugin = plugin,
    where = where }
end

---@return table|nil
function actions.get(entity, name)
  return actions.by_entity[entity.name] and actions.by_entity[entity.name][name]
end

--- Whether the entity has a move or an action of that name.
---@return boolean
function actions.exists(entity, name)
  return (entity.lifecycle and entity.lifecycle.moves[name] or actions.get(entity, name)) and true or false
end

--- The names of all moves and actions of the entity.
---@return string[]
function actions.names(entity)
  local names = {}
  for name in pairs(entity.lifecycle and entity.lifecycle.moves or {}) do
    names[#names + 1] = name
  end
  for name in pairs(actions.by_entity[entity.name] or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- Checks that no action has the name of a move.
function actions.finish()
  for entity_name, list in pairs(actions.by_entity) do
    local lifecycle = registry.get(entity_name).lifecycle
    for name, action in pairs(list) do
      if lifecycle and lifecycle.moves[name] then
        error(("%s: action %s.%s has the name of a move"):format(action.where, entity_name, name),
          0)
      end
    end
  end
end

return actions
