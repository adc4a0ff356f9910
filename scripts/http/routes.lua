-- scripts/http/routes.lua: every route of the HTTP API, as a list that can be read and tested.
--
-- A route: method, pattern ("/api/v1/lead/{id}"), `reads` (runs on a worker and changes nothing), `open` (needs no
-- session), `prepare(req, args)` on a worker, `run(req, args, prepared)` → an answer.

local registry = require "entities.registry"
local actions = require "actions"
local pages = require "pages"
local rest = require "http.rest"
local session_routes = require "http.session"

local routes = { list = {} }

local tree = { children = {} }

local function add(route)
  routes.list[#routes.list + 1] = route
  local node = tree
  for segment in route.pattern:gmatch("/([^/]*)") do
    local key = segment:find("^{") and "*" or segment
    node.children[key] = node.children[key] or { children = {} }
    node = node.children[key]
  end
  node.methods = node.methods or {}
  node.methods[route.method] = route
end

local function add_entity(entity)
  local base = "/api/v1/" .. entity.name
  for _, one in ipairs(rest.collection(entity)) do
    one.pattern = base .. one.pattern
    add(one)
  end
  local named = {}
  for name in pairs(entity.lifecycle and entity.lifecycle.moves or {}) do
    named[#named + 1] = name
  end
  for name in pairs(actions.by_entity[entity.name] or {}) do
    named[#named + 1] = name
  end
  table.sort(named)
  for _, name in ipairs(named) do
    local route = rest.act(entity, name)
    route.pattern = base .. "/{id}/" .. name
    add(route)
  end
end

--- Builds the routes when all is declared.
function routes.finish()
  for _, route in ipairs(session_routes) do
    add(route)
  end
  for _, entity in ipairs(registry.list) do
    add_entity(entity)
  end
  for _, path in ipairs(pages.paths) do
    add { method = "GET", pattern = path, reads = true, open = true, page = path, run = function(req)
      return pages.answer(path, req)
    end }
  end
end

--- The route for a method and path.
---@param method string HEAD counts as GET
---@param segments string[]
---@return table|nil route
---@return string[] arguments
---@return string[]|nil methods the methods that the path has, when it exists
function routes.find(method, segments)
  local node, arguments = tree, {}
  for _, segment in ipairs(segments) do
    local next_node = node.children[segment]
    if not next_node and node.children["*"] then
      next_node = node.children["*"]
      arguments[#arguments + 1] = segment
    end
    if not next_node then
      return nil, arguments, nil
    end
    node = next_node
  end
  if not node.methods then
    return nil, arguments, nil
  end
  local methods = {}
  for name in pairs(node.methods) do
    methods[#methods + 1] = name
    if name == "GET" then
      methods[#methods + 1] = "HEAD"
    end
  end
  table.sort(methods)
  return node.methods[method == "HEAD" and "GET" or method], arguments, methods
end

return routes
