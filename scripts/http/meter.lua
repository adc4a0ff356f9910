-- scripts/http/meter.lua: who has read how much through metered grants, for administrators. What
-- is read is there a second later: memory has it at once, the store when the home has written it.

local clock = require "core.clock"
local context = require "context"
local hash = require "core.hash"
local id = require "core.id"
local json = require "core.json"
local meters_sql = require "sql.meters"
local problem = require "problem"
local request = require "http.request"
local store = require "core.store"

local options = { limit = true, cursor = true }
local SCOPE = "meter"
local first_page = { math.maxinteger, math.maxinteger, "", math.maxinteger }

local function refuse(name, code, values)
  problem.raise(400, { problem.fault(name, code, values) })
end

local function read_limit(text)
  local limit = text == nil and 50 or text:find("^%d%d?%d?$") and math.tointeger(tonumber(text))
  if not limit or limit < 1 or limit > 200 then
    refuse("limit", "query.limit")
  end
  return limit
end

local function read_cursor(text)
  local plain = text and hash.open(text, SCOPE)
  local after = plain and json.decode(plain)
  if text and type(after) ~= "table" then
    refuse("cursor", "query.cursor")
  end
  return after or first_page
end

-- A row of sql.meters.list: user, login, name, meter, count, most, began, ends.
local function shown(row)
  local entity, role = row[4]:match("^(%S+) (.*)$")
  return {
    user = { id = id.seal(row[1]), login = row[2] or json.null, name = row[3] or json.null },
    entity = entity, role = role, count = row[5], most = row[6],
    began_at = clock.format(row[7]), ends_at = clock.format(row[8]),
  }
end

local function list(req)
  local actor = context.current().actor
  if not actor.roles.administrator then
    error(problem.new(403, "forbidden"), 0)
  end
  local question = request.question(req.query, options)
  local unknown = question.conditions[1]
  if unknown then
    refuse(unknown.field, "query.unknown", { name = unknown.field, known = "limit, cursor" })
  end
  local limit, after = read_limit(question.limit), read_cursor(question.cursor)
  local rows = store.query(meters_sql.list, after[1], after[2], after[3], after[4], limit + 1)
  local data, last = json.array {}, nil
  for i = 1, math.min(limit, #rows) do
    data[i], last = shown(rows[i]), rows[i]
  end
  local next_cursor = #rows > limit
    and hash.seal(json.encode(json.array { last[8], last[1], last[4], last[7] }), SCOPE)
  return {
    status = 200, headers = { ["content-type"] = "application/json" },
    body = json.encode { data = data, next = next_cursor or json.null },
  }
end

return { { method = "GET", pattern = "/api/v1/meter", reads = true, run = list } }
