-- scripts/sql/schema.lua: tables and indexes, as SQL text. The tables of core/store (tenant, change) are made there.

local sql = require "sql"

local schema = {}

-- The framework's own tables. `catalogue` says which columns and indexes exist; see scripts/entities/schema.lua.
schema.framework = {
  [[CREATE TABLE IF NOT EXISTS catalogue (
      entity TEXT NOT NULL, field TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (entity, field)) STRICT, WITHOUT ROWID]],
  [[CREATE TABLE IF NOT EXISTS session (
      token_hash BLOB PRIMARY KEY, "user" INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID]],
  [[CREATE INDEX IF NOT EXISTS session_user ON session ("user")]],
  [[CREATE TABLE IF NOT EXISTS sign_in_link (
      token_hash BLOB PRIMARY KEY, "user" INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID]],
  [[CREATE TABLE IF NOT EXISTS token (
      token_hash BLOB PRIMARY KEY, "user" INTEGER NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER) STRICT, WITHOUT ROWID]],
  [[CREATE TABLE IF NOT EXISTS decision (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, at INTEGER NOT NULL, pos INTEGER NOT NULL,
      txn INTEGER NOT NULL, entity TEXT, record INTEGER, facts TEXT NOT NULL, outcome TEXT NOT NULL, "row" INTEGER,
      explanation TEXT, cause_kind TEXT NOT NULL, cause_id TEXT, generation TEXT NOT NULL) STRICT]],
  [[CREATE INDEX IF NOT EXISTS decision_record ON decision (entity, record, id)]],
  [[CREATE TABLE IF NOT EXISTS assignment (
      id INTEGER PRIMARY KEY, at INTEGER NOT NULL, txn INTEGER NOT NULL, selector TEXT NOT NULL, position INTEGER,
      entity TEXT, record INTEGER, figures TEXT NOT NULL) STRICT]],
  [[CREATE INDEX IF NOT EXISTS assignment_record ON assignment (entity, record, id)]],
  [[CREATE TABLE IF NOT EXISTS assignment_seat (
      selector TEXT NOT NULL, position INTEGER NOT NULL, taken INTEGER NOT NULL, last_txn INTEGER NOT NULL,
      PRIMARY KEY (selector, position)) STRICT, WITHOUT ROWID]],
  [[CREATE TABLE IF NOT EXISTS metered_read (
      "user" INTEGER NOT NULL, meter TEXT NOT NULL, began_at INTEGER NOT NULL, ends_at INTEGER NOT NULL,
      count INTEGER NOT NULL, most INTEGER NOT NULL, PRIMARY KEY ("user", meter, began_at)) STRICT, WITHOUT ROWID]],
  [[CREATE INDEX IF NOT EXISTS metered_read_end ON metered_read (ends_at)]],
}

schema.read_catalogue = "SELECT entity, field, type FROM catalogue"
schema.add_to_catalogue = "INSERT INTO catalogue (entity, field, type) VALUES (?, ?, ?)"

-- Values of the tenant, in a table of core/store.
schema.tenant_value = "SELECT value FROM tenant WHERE name = ?"
schema.set_tenant_value = "INSERT INTO tenant (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

--- A table without the columns of fields, which follow by schema.add_column.
function schema.create_table(entity)
  return ([[CREATE TABLE %s (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, created_at INTEGER NOT NULL,
      changed_at INTEGER NOT NULL, archived_at INTEGER) STRICT]]):format(sql.name(entity.name))
end

function schema.add_column(entity, column)
  return ("ALTER TABLE %s ADD COLUMN %s %s"):format(sql.name(entity.name), sql.name(column.name), column.kind)
end

local function quote(columns)
  local quoted = {}
  for i, column in ipairs(columns) do
    quoted[i] = sql.name(column)
  end
  return quoted
end

--- Of the records that have the same values as others: how many there are, and the ids of two.
function schema.doubles(entity, columns)
  local quoted = quote(columns)
  return ([[
    WITH doubles (n, a, b) AS (
      SELECT count(*), min(id), max(id) FROM %s
       WHERE %s IS NOT NULL GROUP BY %s HAVING count(*) > 1)
    SELECT sum(n) OVER (), a, b FROM doubles ORDER BY a LIMIT 1]]):format(
    sql.name(entity.name), table.concat(quoted, " IS NOT NULL AND "), table.concat(quoted, ", "))
end

--- An index whose name says what it covers, so that it is made once.
function schema.create_index(entity, columns, unique)
  return ("CREATE %sINDEX IF NOT EXISTS %s ON %s (%s)"):format(unique and "UNIQUE " or "",
    sql.name(entity.name .. (unique and "!" or ":") .. table.concat(columns, "+")),
    sql.name(entity.name), table.concat(quote(columns), ", "))
end

return schema
