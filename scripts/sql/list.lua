-- scripts/sql/list.lua: the SQL of lists: ordered scans, which the store merges (core/script/bind_lists.c).
--
-- Who may see what comes as branches (scripts/access/policies.lua): for each column of the policies the values that it may
-- have. Each value is a scan of its own, in the order of the list: the rows of one unit by score lie side by side in the
-- index (unit, score), so that a page costs a few rows of each scan, however many rows there are. Branches may overlap: a
-- row that two scans give has the same place in both, and the store gives it once.
--
-- A page that is not the first begins after a row. What comes after it is a sequence of ranges, each of them one range of
-- the index: of the sort "-score,name,id" after (7, "x", 3)
--
--   score = 7 AND name = 'x' AND id > 3
--   score = 7 AND name > 'x'
--   score < 7
--   score IS NULL

local sql = require "sql"

local list = {}

local name = sql.name

-- What a column may hold at least, beside NULL.
local least = { INTEGER = math.mininteger, TEXT = "" }

-- The ranges of one key after its value in the row: conditions, in the order in which they come. NULL is the lowest.
local function after_key(key, value)
  if key.descending then
    local ranges = value ~= nil and { { column = key.column, operator = "lt", value = value } } or {}
    if value ~= nil and key.nullable then
      ranges[2] = { column = key.column, operator = "null", value = true }
    end
    return ranges
  elseif value == nil then
    return { { column = key.column, operator = "ge", value = least[key.kind] } }
  end
  return { { column = key.column, operator = "gt", value = value } }
end

local function equal(key, value)
  if value == nil then
    return { column = key.column, operator = "null", value = true }
  end
  return { column = key.column, operator = "eq", value = value }
end

-- The ranges that follow the row `after`, each a list of conditions; one without any when there is no such row.
local function ranges_after(sort, after)
  if not after then
    return { {} }
  end
  local ranges = {}
  for i = #sort, 1, -1 do
    for _, condition in ipairs(after_key(sort[i], after[i])) do
      local range = {}
      for j = 1, i - 1 do
        range[j] = equal(sort[j], after[j])
      end
      range[i] = condition
      ranges[#ranges + 1] = range
    end
  end
  return ranges
end

local function order_by(sort)
  local order = {}
  for i, key in ipairs(sort) do
    order[i] = name(key.column) .. (key.descending and " DESC" or "")
  end
  return table.concat(order, ", ")
end

-- A branch as a condition on rows that are found otherwise: the + keeps its index out of it.
local function add_any_of(b, branches)
  for i, branch in ipairs(branches) do
    b:add(i == 1 and " AND (" or " OR ")
    b:add("+" .. name(branch.column))
    b:add_list(" IN (%s)", branch.values)
  end
  b:add ")"
end

-- The statements of a scan, one for each range. `restrict` adds what makes it this scan. Of the conditions, an index may
-- look for those in `finding`; from the others the + keeps it away, so that it is the one that has the order. Where there
-- are other scans beside it (`beside`) these are not in WHERE but the column after the record's, for the store to look at:
-- so a scan in which nothing fits is not passed to its end before the first row of the list is known.
local function parts_of(entity, query, beside, restrict)
  local parts = {}
  for i, range in ipairs(ranges_after(query.sort, query.after)) do
    local b = sql.builder()
    b:add(("SELECT %s"):format(query.columns))
    if beside then
      b:add ", TRUE"
      b:conditions("", query.fitting)
    end
    b:add((" FROM %s WHERE TRUE"):format(name(entity.name)))
    restrict(b)
    b:conditions("", query.finding)
    b:conditions("+", not beside and query.fitting or {})
    b:conditions("", range)
    b:add((" ORDER BY %s"):format(order_by(query.sort)))
    if not beside then
      b:add(" LIMIT ?", query.limit)
    end
    parts[i] = b:part()
  end
  return parts
end

local ways = {}

function ways.merged(entity, query)
  local scans, branches = {}, query.branches
  local beside = #branches > 1 or #branches[1].values > 1
  for i, branch in ipairs(branches) do
    scans[i] = { values = branch.values, parts = parts_of(entity, query, beside, function(b)
      b:add((" AND %s = :own"):format(name(branch.column)))
    end) }
  end
  return scans, beside
end

function ways.sorted(entity, query)
  local scans = {}
  for i, branch in ipairs(query.branches) do
    scans[i] = { parts = parts_of(entity, query, false, function(b)
      b:add(" AND " .. name(branch.column))
      b:add_list(" IN (%s)", branch.values)
    end) }
  end
  return scans, false
end

function ways.filtered(entity, query)
  return { { parts = parts_of(entity, query, false, function(b)
    add_any_of(b, query.branches)
  end) } }, false
end

function ways.all(entity, query)
  return { { parts = parts_of(entity, query, false, function() end) } }, false
end

--- The scans of a page of records.
---@param entity table
---@param query table `columns`, `branches`, `finding` and `fitting` (conditions), `sort` ({ column, descending, nullable, kind } …, id last), `after` (values of the last row), `limit`
---@param way string "merged": a scan for each value of the branches. "sorted": one for each branch, which sorts its
--- rows. "filtered": one of all records, which passes over what no branch lets through. "all": who sees all
---@return table[] scans see core/script/bind_lists.c
---@return boolean has_fits whether the column after the record's says which rows fit
function list.scans(entity, query, way)
  return ways[way](entity, query)
end

--- How many records there are in a branch that fit a condition, counted as far as `most`: archived ones too.
---@param branch table `column` and `values`, or neither for all
---@param condition table|nil
---@return string text, any[] params, integer n
function list.count(entity, branch, condition, most)
  local b = sql.builder()
  b:add(("SELECT count(*) FROM (SELECT 1 FROM %s WHERE TRUE"):format(name(entity.name)))
  if branch.column then
    b:add(" AND " .. name(branch.column))
    b:add_list(" IN (%s)", branch.values)
  end
  if condition then
    b:condition("", condition)
  end
  b:add(" LIMIT ?)", most)
  return b:done()
end

return list
