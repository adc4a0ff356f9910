-- scripts/sql.lua: makes the SQL text of records: this folder and core/store are the only places with SQL.
--
-- Names come from declarations and are quoted; values are always bound. A statement for the same question always
-- has the same text, so that the store keeps it prepared. Dialect: SQLite; what differs elsewhere stands in `dialect`.

local registry = require "entities.registry"

local sql = {}

sql.dialect = {
  has = function(column)
    return ("instr(%s, ?) > 0"):format(column)
  end,
}

local quoted_names = {} -- of what is declared

---@param name string
---@return string
function sql.name(name)
  local quoted = quoted_names[name]
  if not quoted then
    quoted = '"' .. name:gsub('"', '""') .. '"'
    quoted_names[name] = quoted
  end
  return quoted
end
local name = sql.name

local function marks(count)
  return ("?, "):rep(count):sub(1, -3)
end
sql.marks = marks

local function all_columns(entity)
  if not entity.sql_columns then
    local list = {}
    for _, field in ipairs(registry.common) do
      list[#list + 1] = name(field.name)
    end
    for _, column in ipairs(entity.columns) do
      list[#list + 1] = name(column.name)
    end
    entity.sql_columns = table.concat(list, ", ")
    entity.sql_column_count = #list
  end
  return entity.sql_columns
end

--- Columns as a list.
---@param names string[]
---@return string
function sql.columns(names)
  local quoted = {}
  for i, column in ipairs(names) do
    quoted[i] = name(column)
  end
  return table.concat(quoted, ", ")
end

--- Some columns of one record.
---@param entity table
---@param columns string
---@return string
function sql.get_columns(entity, columns)
  return ("SELECT %s FROM %s WHERE id = ?"):format(columns, name(entity.name))
end

--- Adds a record: id, version, created_at, changed_at, archived_at, then the entity's columns.
---@param entity table
---@return string
function sql.insert(entity)
  if not entity.sql_insert then
    local columns = all_columns(entity)
    entity.sql_insert = ("INSERT INTO %s (%s) VALUES (%s)"):format(name(entity.name), columns, marks(entity.sql_column_count))
  end
  return entity.sql_insert
end

local function make_update(entity, sets)
  return ("UPDATE %s SET %sversion = version + 1, changed_at = ? WHERE id = ? AND version = ?"):format(
    name(entity.name), sets)
end

-- So many updates of an entity are remembered: which fields are changed together, nobody knows beforehand.
local UPDATES_KEPT = 64

--- Sets some fields of one record, if it still has the version read before.
---@param entity table
---@param which string a text that is the same for the same fields
---@param fields table<string, any> a set of names
---@return string parameters: the values of their columns, changed_at, id, version
function sql.update(entity, which, fields)
  local kept = entity.sql_updates
  if not kept or kept.count == UPDATES_KEPT then
    kept = { count = 0, by_fields = {} }
    entity.sql_updates = kept
  end
  if not kept.by_fields[which] then
    local sets = {}
    for _, field in ipairs(entity.fields) do
      for _, column in ipairs(fields[field.name] ~= nil and field.columns or {}) do
        sets[#sets + 1] = name(column.name) .. " = ?, "
      end
    end
    kept.by_fields[which], kept.count = make_update(entity, table.concat(sets)), kept.count + 1
  end
  return kept.by_fields[which]
end

--- Archives one record. Parameters: archived_at, changed_at, id, version.
---@param entity table
---@return string
function sql.archive(entity)
  return make_update(entity, '"archived_at" = ?, ')
end

-- A statement under construction: text and parameters grow together.
local Builder = {}
Builder.__index = Builder

---@return table
function sql.builder()
  return setmetatable({ parts = {}, params = {}, n = 0 }, Builder)
end
local builder = sql.builder

function Builder:add(text, ...)
  self.parts[#self.parts + 1] = text
  for i = 1, select("#", ...) do
    self.n = self.n + 1
    self.params[self.n] = (select(i, ...))
  end
end

function Builder:add_list(text, values)
  self:add(text:format(marks(#values)))
  for _, value in ipairs(values) do
    self.n = self.n + 1
    self.params[self.n] = value
  end
end

function Builder:done()
  return table.concat(self.parts), self.params, self.n
end

-- The same as a part of a scan: { n, text, params … }.
function Builder:part()
  local part = table.move(self.params, 1, self.n, 2, { table.concat(self.parts) })
  part.n = self.n
  return part
end

local comparisons = { eq = "=", lt = "<", le = "<=", gt = ">", ge = ">=" }

--- A condition of a question, after AND.
---@param prefix string of the column: a table's alias and a point, + (no index looks for it), or empty
---@param condition table `column`, `operator`, `value`
function Builder:condition(prefix, condition)
  local b, column, operator, value = self, prefix .. name(condition.column), condition.operator, condition.value
  b:add " AND "
  if comparisons[operator] then
    b:add(("%s %s ?"):format(column, comparisons[operator]), value)
  elseif operator == "ne" then
    b:add(("(%s <> ? OR %s IS NULL)"):format(column, column), value)
  elseif operator == "in" then
    b:add_list(column .. " IN (%s)", value)
  elseif operator == "has" then
    b:add(sql.dialect.has(column), value)
  else
    b:add(("%s IS %sNULL"):format(column, value and "" or "NOT "))
  end
end

function Builder:conditions(prefix, conditions)
  for _, condition in ipairs(conditions) do
    self:condition(prefix, condition)
  end
end

-- A branch of a policy (scripts/access): equal to one of its values, and not in those of the branches before.
function Builder:branch(prefix, branch)
  local b = self
  if branch.column and #branch.values == 1 then
    b:add((" AND %s%s = ?"):format(prefix, name(branch.column)), branch.values[1])
  elseif branch.column then
    b:add((" AND %s%s"):format(prefix, name(branch.column)))
    b:add_list(" IN (%s)", branch.values)
  end
  for _, except in ipairs(branch.except or {}) do
    local column = prefix .. name(except.column)
    b:add((" AND (%s IS NULL OR "):format(column))
    b:add_list(column .. " NOT IN (%s))", except.values)
  end
end

--- Groups, counts and sums under a policy.
---@param entity table
---@param query table `branches`, `conditions`, `by` ({ column, reference = { entity, column, branches, meters } | nil } …),
---  `sum` (columns), `limit`
---@return string text, any[] params, integer n columns: by …, count, sum …, and of each reference with meters the least and the
---  greatest id in the group
function sql.summary(entity, query)
  local b = builder()
  local outer, groups = {}, {}
  for i in ipairs(query.by) do
    groups[i] = "b" .. i
    outer[#outer + 1] = "b" .. i
  end
  outer[#outer + 1] = "count(*)"
  for i in ipairs(query.sum) do
    outer[#outer + 1] = ("sum(s%d)"):format(i)
  end
  for i, by in ipairs(query.by) do
    if by.reference and by.reference.meters then
      outer[#outer + 1] = ("min(m%d), max(m%d)"):format(i, i)
    end
  end
  b:add(("SELECT %s FROM ("):format(table.concat(outer, ", ")))
  for i, branch in ipairs(query.branches) do
    local inner = {}
    for j, by in ipairs(query.by) do
      inner[#inner + 1] = by.reference and ("r%d.%s AS b%d"):format(j, name(by.reference.column), j)
        or ("t.%s AS b%d"):format(name(by.column), j)
      if by.reference and by.reference.meters then
        inner[#inner + 1] = ("t.%s AS m%d"):format(name(by.column), j)
      end
    end
    for j, column in ipairs(query.sum) do
      inner[#inner + 1] = ("t.%s AS s%d"):format(name(column), j)
    end
    inner[#inner + 1] = "1 AS one"
    b:add(i > 1 and " UNION ALL " or "")
    b:add(("SELECT %s FROM %s AS t"):format(table.concat(inner, ", "), name(entity.name)))
    for j, by in ipairs(query.by) do
      if by.reference then
        b:add((" LEFT JOIN %s AS r%d ON r%d.id = t.%s AND (FALSE"):format(name(by.reference.entity), j, j, name(by.column)))
        for _, reachable in ipairs(by.reference.branches) do
          b:add " OR (TRUE"
          b:branch(("r%d."):format(j), reachable)
          b:add ")"
        end
        b:add ")"
      end
    end
    b:add " WHERE TRUE"
    b:branch("t.", branch)
    b:conditions("t.", query.conditions)
  end
  b:add ")"
  if #groups > 0 then
    b:add((" GROUP BY %s ORDER BY %s"):format(table.concat(groups, ", "), table.concat(groups, ", ")))
  end
  b:add(" LIMIT ?", query.limit)
  return b:done()
end

return sql
