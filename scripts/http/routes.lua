-- scripts/http/routes.lua: every route of the HTTP API, as a list that can be read and tested.
--
-- A route: method, pattern ("/api/v1/lead/{id}"), `reads` (runs on a worker and changes nothing), `open` (needs no
-- session), `here` (changes nothing in the store, and runs on the worker like a read), `prepare(body, req)` on a worker,
-- `plugin` whose action it is, `run(req, args, prepared)` → an answer.

local registry = require "entities.registry"
local actions = require "actions"
local pages = require "pages"
local generation_routes = require "http.generation"
local rest = require "http.rest"
local meter_routes = require "http.meter"
local metrics_routes = require "http.metrics"
local session_routes = require "http.session"

local routes = { list = {} }

local tree = { children = {} }

local function add(route)
  route.key = route.method .. " " .. route.pattern
  routes.list[#routes.list + 1] = route
  local node = tree
  for segment in route.pattern:gmatch("/([^/]*)") do
    local any = segment:find("^{")
    local child = any and node.any or node.children[segment] or { children = {} }
    if any then
      node.any = child
    else
      node.children[segment] = child
    end
    node = child
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
  for _, name in ipairs(actions.names(entity)) do
    local route = rest.act(entity, name)
    route.pattern = base .. "/{id}/" .. name
    add(route)
  end
end

--- Builds the routes when all is declared.
function routes.finish()
  for _, list in ipairs { session_routes, metrics_routes, generation_routes, meter_routes } do
    for _, route in ipairs(list) do
      add(route)
    end
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
---@return table|nil methods the routes of the path by method, when it exists
function routes.find(method, segments)
  local node, arguments = tree, {}
  for _, segment in ipairs(segments) do
    local next_node = node.children[segment]
    if not next_node and node.any then
      next_node = node.any
      arguments[#arguments + 1] = segment
    end
    if not next_node then
      return nil, arguments, nil
    end
    node = next_node
  end
  return node.methods and node.methods[method == "HEAD" and "GET" or method], arguments, node.methods
end

--- The names of a path's methods, for an Allow header.
---@param methods table
---@return string
function routes.names(methods)
  local names = {}
  for name in pairs(methods) do
    names[#names + 1] = name
    if name == "GET" then
      names[#names + 1] = "HEAD"
    end
  end
  table.sort(names)
  return table.concat(names, ", ")
end

return routes
