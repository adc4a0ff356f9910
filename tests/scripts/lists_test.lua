-- tests/scripts/lists_test.lua: lists by ordered scans, beside the same question asked plainly.

local actors = require "people.actor"
local context = require "context"
local id = require "core.id"
local json = require "core.json"
local list_sql = require "sql.list"
local policies = require "access.policies"
local query = require "entities.query"
local records = require "entities.records"
local registry = require "entities.registry"
local store = require "core.store"

local LEADS = 7000
local lead = registry.get "lead"

-- The same numbers in each run.
local seed = 20261124
local function random(limit)
  seed = (seed * 6364136223846793005 + 1442695040888963407) & math.maxinteger
  return (seed >> 32) % limit + 1
end

local function any(list)
  return list[random(#list)]
end

local function column(text, ...)
  local found = {}
  for i, row in ipairs(store.query(text, ...)) do
    found[i] = row[1]
  end
  return found
end

-- Leads with ties and gaps in everything that lists sort by and policies look at. Most are of one product.
local function make_leads(units, positions, products)
  local list = function(values) return "'" .. json.encode(values) .. "'" end
  store.run(([[
    INSERT INTO lead (id, version, created_at, changed_at, archived_at, name, company, region, score, product, stage,
                      channel, unit, pool, owner, accept_by)
    WITH RECURSIVE n (i, r) AS (
      SELECT 1, 17 UNION ALL SELECT i + 1, (r * 1103515245 + 12345) %% 2147483648 FROM n WHERE i < %d)
    SELECT 1000000 + i * 64, 1, 1700000000000 + r / 65536 %% 50, 1700000000000, iif(r / 16 %% 20 = 0, 1, NULL),
           'Name ' || (r / 1024 %% 40), iif(r / 32 %% 3 = 0, NULL, char(65 + r / 256 %% 20, 228)), 'east',
           iif(r / 4096 %% 7 = 0, NULL, r / 4096 %% 30),
           json_extract(%s, '$[' || iif(i %% 20 = 0, r / 128 %% %d, 0) || ']'),
           iif(r / 2048 %% 3 = 0, 'offered', 'accepted'), iif(r / 64 %% 2 = 0, 'direct', 'pool'),
           json_extract(%s, '$[' || (r / 65536 %% %d) || ']'),
           json_extract(%s, '$[' || (r / 512 %% %d) || ']'),
           json_extract(%s, '$[' || (r / 8192 %% %d) || ']'),
           iif(r / 131072 %% 2 = 0, NULL, 1700000000000 - r / 131072 %% 9)
      FROM n]]):format(LEADS, list(products), #products, list(units), #units, list(units), #units * 2, list(positions),
    #positions + 3))
end

-- People who see nothing, little, much and all; who has more than 128 units and positions is read by other ways.
local function make_actors(units, positions)
  local made_up = {}
  for i = 1, 150 do
    made_up[i] = i -- units and positions that no lead has
  end
  local function chairs(count, role, first_units, first_positions)
    local list = {}
    for i = 1, count do
      list[i] = { position = first_positions[i] or any(positions), unit = first_units[i] or any(units), role = role }
    end
    return list
  end
  local function before_made_up(...)
    return table.move(made_up, 1, #made_up, select("#", ...) + 1, { ... })
  end
  local mixed = chairs(2, "agent", units, positions)
  local sets = {
    {}, chairs(1, "headquarters", {}, {}), chairs(1, "agent", {}, positions), chairs(9, "agent", {}, positions),
    chairs(1, "manager", units, {}), chairs(5, "manager", { units[5], units[6] }, {}), chairs(1, "partner", {}, {}),
    chairs(150, "agent", {}, made_up), chairs(152, "agent", {}, before_made_up(positions[1], positions[2])),
    chairs(162, "agent", {}, before_made_up(table.unpack(positions))),
    table.move(chairs(2, "manager", { units[4], units[7] }, {}), 1, 2, 3, mixed),
  }
  local list = {}
  for i, one in ipairs(sets) do
    list[i] = actors.new({ user = i }, one)
  end
  return list
end

local sorts = {
  false, "id", "-id", "score", "-score", "-score,name", "score,-company", "company", "-company,score,name", "-created_at",
  "accept_by,-score", "unit,-score", "-archived_at,score",
}

local function make_filters(units, products)
  local function sealed(list)
    return id.seal(any(list))
  end
  return {
    {}, {}, { "score", "ge", "15" }, { "score", "lt", "15" }, { "score", "eq", "7" }, { "score", "null", "true" },
    { "stage", "eq", "offered" }, { "stage", "ne", "offered" }, { "company", "has", "B" }, { "company", "null", "false" },
    { "channel", "in", "direct,pool" }, { "product", "eq", sealed(products) }, { "product", "eq", id.seal(products[1]) },
    { "unit", "eq", sealed(units) }, { "unit", "in", sealed(units) .. "," .. sealed(units) }, { "pool", "null", "true" },
    { "name", "eq", "Name 7" }, { "archived_at", "null", "false" }, { "stage", "eq", "dropped" },
  }
end

local operators = { eq = "= ?", lt = "< ?", ge = ">= ?", ne = "IS NOT ?", has = true }

-- The condition as plain SQL.
local function plain(filter)
  local name, operator, text = table.unpack(filter)
  local field = lead.by_name[name]
  local values = {}
  if not name then
    return "TRUE", values
  elseif operator == "null" then
    return ("%s IS %s NULL"):format(name, text == "true" and "" or "NOT"), values
  end
  for one in text:gmatch("[^,]+") do
    values[#values + 1] = field.type == "reference" and id.open(one) or field.type == "integer" and tonumber(one) or one
  end
  if operator == "in" then
    return ("%s IN (%s)"):format(name, ("?, "):rep(#values):sub(1, -3)), values
  elseif operator == "has" then
    return ("instr(%s, ?) > 0"):format(name), values
  end
  return ("%s %s"):format(name, operators[operator]), values
end

local function plain_order(sort)
  local keys = {}
  for key in ((sort or "id") .. ","):gmatch("([^,]*),") do
    keys[#keys + 1] = key:gsub("^%-(.*)$", "%1 DESC")
  end
  local last = keys[#keys]
  if not (sort or "id"):find("%f[%a]id%f[%A]") then
    keys[#keys + 1] = "id" .. (last:find("DESC", 1, true) and " DESC" or "")
  end
  return table.concat(keys, ", ")
end

-- What the question must find: all that fit in order, and of these what the actor may see.
local function wanted(visible, filter, sort)
  local condition, values = plain(filter)
  local found = {}
  local archived = filter[1] == "archived_at" and "" or " AND archived_at IS NULL"
  local text = ("SELECT id FROM lead WHERE %s%s ORDER BY %s"):format(condition, archived, plain_order(sort))
  for _, inner in ipairs(column(text, table.unpack(values))) do
    if visible[inner] then
      found[#found + 1] = id.seal(inner)
    end
  end
  return found
end

-- Some pages of the list, and whether that was all.
local function pages(filter, sort, limit, most)
  local found, cursor = {}, nil
  local conditions = filter[1] and { { field = filter[1], operator = filter[2], text = filter[3] } } or {}
  for _ = 1, most do
    local objects, next_cursor = query.list(lead, {
      conditions = conditions, sort = sort or nil, limit = tostring(limit), cursor = cursor, fields = "id",
    })
    for _, one in ipairs(json.decode("[" .. objects .. "]")) do
      found[#found + 1] = one.id
    end
    cursor = next_cursor
    if not cursor then
      return found, true
    end
  end
  return found, false
end

local function visible_to(actor)
  local visible = {}
  for _, record in ipairs(records.select(lead, ("SELECT %s FROM lead"):format(require("entities.projections").of(lead).columns))) do
    visible[id.open(record.id)] = policies.visible(lead, actor, record)
  end
  return visible
end

local function same(found, all, whole)
  for i, one in ipairs(found) do
    if one ~= all[i] then
      return false
    end
  end
  return not whole or #found == #all
end

-- Calls `f` with the ways by which lists are read meanwhile.
local function with_ways(f)
  local ways, scans = {}, list_sql.scans
  list_sql.scans = function(entity, asked, way)
    local kind = way .. (#asked.fitting > 0 and "" or " found")
    ways[kind] = (ways[kind] or 0) + 1
    return scans(entity, asked, way)
  end
  local ok, raised = pcall(f)
  list_sql.scans = scans
  if not ok then
    error(raised, 0)
  end
  return ways
end

test("lists of many actors, filters and sorts are those of the question asked plainly", function()
  local units = column "SELECT id FROM unit ORDER BY id"
  local positions = column "SELECT id FROM position ORDER BY id LIMIT 12"
  local products = column "SELECT id FROM product ORDER BY id"
  make_leads(units, positions, products)

  local ways = with_ways(function()
    for who, actor in ipairs(make_actors(units, positions)) do
      local visible = visible_to(actor)
      for _ = 1, 24 do
        local filter, sort, limit = any(make_filters(units, products)), any(sorts), any { 1, 7, 50, 200 }
        local is_any = policies.any(lead, "read", actor)
        local found, whole = {}, true
        if is_any then
          found, whole = context.as(actor, nil, pages, filter, sort, limit, 4)
        end

        if not same(found, wanted(visible, filter, sort), whole) then
          error(("actor %d, %s, sort %s, limit %d"):format(who, table.concat(filter, " "), tostring(sort), limit), 0)
        end
      end
    end
  end)

  for _, way in ipairs { "all", "all found", "merged", "filtered", "filtered found", "sorted", "sorted found" } do
    expect(("%s %s"):format(way, ways[way] and "used" or "never used")):is(way .. " used")
  end
end)
