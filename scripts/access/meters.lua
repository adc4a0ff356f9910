-- scripts/access/meters.lua: how many records a user may see through grants that are `metered`,
-- and how many it was.
--
-- A meter belongs to a role and an entity, whichever plugins' grants name it, and counts for each
-- user on its own. A request notes what it shows and settles at its end, so what gives way to others,
-- and runs once more from its start, counts once. A change whose group the store loses runs again
-- and counts twice: the counts in memory are not taken back. The
-- count is in memory, shared by all threads (core/base/meters.h): those who ask at once get past
-- the limit by less than one of their pages. What memory does not have is looked up in the store,
-- to which the home writes each second what has changed.

local clock = require "core.clock"
local context = require "context"
local core = require "core.meters"
local duration = require "duration"
local i18n = require "i18n"
local json = require "core.json"
local meters_sql = require "sql.meters"
local misspelt = require "misspelt"
local problem = require "problem"
local store = require "core.store"

local meters = {}

local MAX_NAME, MAX_RECORDS, MIN_MS, MAX_MS = 127, 1000000000, 60000, 31 * 86400000
local KEPT_MS = 31 * 86400000 -- what was read in spans that are over

local by_name = {}

local keys = { records = true, per = true }

--- Reads `metered = { records = 500, per = "1d" }`: the meter of that role for that entity.
---@param what string which grant, for mistakes
---@param place string|table|nil where it is declared
---@return table meter name, entity, role, records, per (a text), ms
function meters.declare(what, entity, role, declared, place)
  if type(declared) ~= "table" then
    error(what .. ": metered is a table, such as { records = 500, per = \"1d\" }", 0)
  end
  misspelt.check_keys(what .. ": metered", declared, keys, place)
  local records, ms = declared.records, duration.parse(declared.per)
  if math.type(records) ~= "integer" or records < 1 or records > MAX_RECORDS then
    error(("%s: metered needs records, a whole number from 1 to %d"):format(what, MAX_RECORDS), 0)
  elseif not ms or ms < MIN_MS or ms > MAX_MS then
    error(("%s: metered needs per, a time from 1m to 31d, such as \"1d\""):format(what), 0)
  end
  local name = entity.name .. " " .. role
  local known = by_name[name]
  if #name > MAX_NAME then
    local words = "%s: the names of a metered grant's entity and role have %d bytes at most"
    error(words:format(what, MAX_NAME - 1), 0)
  elseif known and (known.records ~= records or known.ms ~= ms) then
    local words = "%s: metered says { records = %d, per = %q }, "
      .. "another grant of %s says { records = %d, per = %q }"
    error(words:format(what, records, declared.per, role, known.records, known.per), 0)
  end
  known = known or {
    name = name, entity = entity, role = role, records = records, per = declared.per, ms = ms,
  }
  by_name[name] = known
  return known
end

-- What memory lacks comes from the store. Twice: others may have taken the room that was made.
local function take(meter, user, more)
  local answer, count, ends_at
  for _ = 1, 3 do
    answer, count, ends_at = core.take(user, meter.name, meter.records, meter.ms, more)
    if answer ~= "unknown" then
      break
    end
    local row = store.query(meters_sql.last, user, meter.name)[1] or { 0, clock.now() }
    answer = core.load(user, meter.name, meter.records, meter.ms, row[1], row[2])
  end
  return answer, count, ends_at
end

local unit_words = {
  s = { "second", "秒" }, m = { "minute", "分钟" }, h = { "hour", "小时" }, d = { "day", "天" },
}

-- "1 hour", "2 天".
local function span_of(per)
  local count, unit = per:match("^0*(%d+)(%a)$")
  local en, zh = table.unpack(unit_words[unit])
  return {
    en = ("%s %s%s"):format(count, en, count == "1" and "" or "s"), zh = ("%s %s"):format(count, zh),
  }
end

local function refuse(meter, answer, ends_at)
  if answer ~= "over" then
    error(problem.new(503, "busy", { headers = { ["retry-after"] = "1" } }), 0)
  end
  local seconds = math.max(1, math.ceil((ends_at - clock.now()) / 1000))
  error(problem.new(429, "metered", {
    headers = { ["retry-after"] = tostring(seconds) },
    detail = i18n.text("detail.metered", {
      entity = meter.entity.label, most = meter.records, span = span_of(meter.per),
      ends = clock.format(ends_at),
    }),
  }), 0)
end

--- Raises a problem when as many records have been seen as may be by each of these meters: then
--- whoever can read by nothing else need not begin.
---@param list table[]|nil meters; nil: there are other ways to read
function meters.check(list)
  local first, answer, ends_at
  for _, meter in ipairs(list or {}) do
    local one, _, ends = take(meter, context.current().actor.user, 0)
    if one == "good" then
      return
    end
    first, answer, ends_at = first or meter, answer or one, ends_at or ends
  end
  if first then
    refuse(first, answer, ends_at)
  end
end

--- Notes that the running request shows `more` records that a meter counts. What rules read,
--- nobody sees.
function meters.note(meter, more)
  local ctx = context.current()
  if more > 0 and ctx.cause.kind == "request" then
    ctx.metered = ctx.metered or {}
    ctx.metered[meter] = (ctx.metered[meter] or 0) + more
  end
end

--- Notes that the running request shows one record: once, however often it does.
---@param list table[]|nil the meters that count it
---@param inner integer
function meters.note_one(list, inner)
  for _, meter in ipairs(list or {}) do
    local ctx = context.current()
    local seen = ctx.metered_seen or {}
    ctx.metered_seen = seen
    seen[meter] = seen[meter] or {}
    if not seen[meter][inner] then
      seen[meter][inner] = true
      meters.note(meter, 1)
    end
  end
end

-- The meter that refuses, why, and until when; or nothing. What memory lacks is looked up before
-- anything is counted: the store may make the request give way and begin again, and what one meter
-- refuses is not shown, so no other counts it.
local function settle()
  local ctx = context.current()
  local noted = ctx.metered
  ctx.metered, ctx.metered_seen = nil, nil
  for _, counts in ipairs { false, true } do
    for meter, more in pairs(noted or {}) do
      local answer, _, ends_at = take(meter, ctx.actor.user, counts and more or 0)
      if answer ~= "good" then
        return meter, answer, ends_at
      end
    end
  end
end

--- Counts what the running request has noted, in its actor's name. The last thing that it does.
--- Raises a problem when the most had been reached before.
function meters.settle()
  local meter, answer, ends_at = settle()
  if meter then
    refuse(meter, answer, ends_at)
  end
end

--- The same for a change, which is made all the same: whether what was noted may be shown.
---@return boolean
function meters.may_show()
  return settle() == nil
end

--- Keeps what memory has counted, in the home lane.
---@param payload string JSON, a list of { user, name, began, ends, count, most }
function meters.write(payload)
  for _, one in ipairs(json.decode(payload)) do
    store.run(meters_sql.keep, table.unpack(one, 1, 6))
  end
  store.run(meters_sql.forget, clock.now() - KEPT_MS)
  return ""
end

return meters
