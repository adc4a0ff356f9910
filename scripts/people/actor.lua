-- scripts/people/actor.lua: the actor of a request: a user with the chairs held today.
--
--   user, login, name, home_unit
--   chairs      { position, unit, role } …: a role counts for the position and the unit of its own chair only
--   positions, units, roles     of all chairs: lists, and a set of role codes
--   memo        what scripts/access/policies.lua has worked out for this actor, as long as what it is about lives
--
-- An actor never changes. It is kept in memory as long as nothing is written that rights follow from (store.epoch).

local clock = require "core.clock"
local hash = require "core.hash"
local people_sql = require "sql.people"
local store = require "core.store"

local actor = {}

local KEPT = 10000
local DAY_MS = 86400000

local Actor = {}
Actor.__index = Actor

local function add_once(list, seen, value)
  if value and not seen[value] then
    seen[value] = true
    list[#list + 1] = value
  end
end

--- Makes an actor.
---@param person table user, login, name, home_unit
---@param chairs table[] { position, unit, role } …
function actor.new(person, chairs)
  local self = setmetatable({
    user = person.user, login = person.login, name = person.name, home_unit = person.home_unit,
    chairs = chairs, positions = {}, units = {}, roles = {}, memo = setmetatable({}, { __mode = "k" }), of_role = {},
  }, Actor)
  local seen = {}
  for _, chair in ipairs(chairs) do
    add_once(self.positions, seen, chair.position)
    add_once(self.units, seen, chair.unit)
    if chair.role then
      self.roles[chair.role] = true
    end
  end
  return self
end

-- Rows of sql.people: user id, login, name, position, unit of the position, role, unit of the user.
local function from_rows(rows)
  local first = rows[1]
  if not first then
    return nil
  end
  local chairs = {}
  for i, row in ipairs(rows) do
    chairs[i] = row[4] and { position = row[4], unit = row[5], role = row[6] } or nil
  end
  return actor.new({ user = first[1], login = first[2], name = first[3], home_unit = first[7] }, chairs)
end

-- What the chairs with a role give, worked out once.
local function of_role(self, what, role, find)
  local key = what .. ":" .. role
  local found = self.of_role[key]
  if not found then
    found = find(self, role)
    self.of_role[key] = found
  end
  return found
end

local function collect(what)
  return function(self, role)
    local list, seen = {}, {}
    for _, chair in ipairs(self.chairs) do
      if chair.role == role then
        add_once(list, seen, chair[what])
      end
    end
    return list
  end
end
local find_positions, find_units = collect "position", collect "unit"

local function reach(text)
  return function(self, role)
    local list, seen = {}, {}
    for _, unit in ipairs(find_units(self, role)) do
      for _, row in ipairs(store.query(text, unit)) do
        add_once(list, seen, row[1])
      end
    end
    table.sort(list)
    return list
  end
end
local find_subtree, find_partner_company = reach(people_sql.subtree), reach(people_sql.partner_company)
local find_above = reach(people_sql.above)

--- The positions that the actor holds with a role.
---@return integer[]
function Actor:positions_of(role)
  return of_role(self, "positions", role, find_positions)
end

--- The units of the chairs with a role.
---@return integer[]
function Actor:units_of(role)
  return of_role(self, "units", role, find_units)
end

--- The units of the chairs with a role, and all below them.
---@return integer[]
function Actor:subtree_of(role)
  return of_role(self, "subtree", role, find_subtree)
end

--- The units of the chairs with a role, and all that these lie in.
---@return integer[]
function Actor:above_of(role)
  return of_role(self, "above", role, find_above)
end

--- All units of the partner companies in which the actor has a chair with a role; none for the vendor's own people.
---@return integer[]
function Actor:partner_company_of(role)
  return of_role(self, "partner", role, find_partner_company)
end

-- Found actors by the text of their session or token: { actor, ends_at }.
local kept = { epoch = nil, count = 0 }

local function keep(kind, text, found, ends_at)
  if kept.count >= KEPT then
    kept.session, kept.token, kept.count = {}, {}, 0
  end
  kept[kind][text] = { actor = found, ends_at = ends_at }
  kept.count = kept.count + 1
end

--- The actor of a session cookie's or a bearer token's text, or nil when it is not (or no longer) valid. The first
--- question of its task: what it finds is then no older than the epoch under which it is kept.
---@param kind "session"|"token"
---@param text string
function actor.by_secret(kind, text)
  local now, epoch = clock.now(), store.epoch()
  if kept.epoch ~= epoch then
    kept = { epoch = epoch, count = 0, session = {}, token = {} }
  end
  local one = kept[kind][text]
  if one and now < one.ends_at then
    return one.actor
  end
  local today = clock.today(now)
  local question = kind == "session" and people_sql.by_session or people_sql.by_token
  local rows = store.query(question, today, today, store.blob(hash.blake2b(text)), now)
  local found = from_rows(rows)
  if found then
    local midnight = (now // DAY_MS + 1) * DAY_MS -- chairs begin and end with the day
    keep(kind, text, found, math.min(rows[1][8] or midnight, midnight))
  end
  return found
end

--- The actor of a user, or nil.
---@param user integer
function actor.by_user(user)
  local today = clock.today(clock.now())
  return from_rows(store.query(people_sql.by_user, today, today, user))
end

--- The actor of a login, without a check of any password: for tests.
function actor.by_login(login)
  local today = clock.today(clock.now())
  return from_rows(store.query(people_sql.by_login, today, today, login))
end

return actor
