-- scripts/people/actor.lua: the actor of a request: a user with the chairs held today, their units and roles.

local clock = require "core.clock"
local hash = require "core.hash"
local people_sql = require "sql.people"
local store = require "core.store"

local actor = {}

local Actor = {}
Actor.__index = Actor

-- Rows of sql.people: user id, login, name, position, unit of the position, role, unit of the user.
local function from_rows(rows)
  if #rows == 0 then
    return nil
  end
  local self = setmetatable({
    user = rows[1][1], login = rows[1][2], name = rows[1][3], home_unit = rows[1][7], positions = {}, units = {}, roles = {},
  }, Actor)
  local seen = {}
  for _, row in ipairs(rows) do
    if row[4] then
      self.positions[#self.positions + 1] = row[4]
    end
    if row[5] and not seen[row[5]] then
      seen[row[5]] = true
      self.units[#self.units + 1] = row[5]
    end
    if row[6] then
      self.roles[row[6]] = true
    end
  end
  return self
end

local function collect(self, text)
  local units, seen = {}, {}
  for _, unit in ipairs(self.units) do
    for _, row in ipairs(store.query(text, unit)) do
      if not seen[row[1]] then
        seen[row[1]] = true
        units[#units + 1] = row[1]
      end
    end
  end
  table.sort(units)
  return units
end

--- The units of the actor's chairs and all below them.
---@return integer[]
function Actor:subtree()
  self.subtree_units = self.subtree_units or collect(self, people_sql.subtree)
  return self.subtree_units
end

--- All units of the partner company in which the actor holds a chair; none for the vendor's own people.
---@return integer[]
function Actor:partner_company()
  self.partner_units = self.partner_units or collect(self, people_sql.partner_company)
  return self.partner_units
end

--- The actor of a session cookie's or a bearer token's text, or nil when it is not (or no longer) valid.
---@param kind "session"|"token"
---@param text string
function actor.by_secret(kind, text)
  local now = clock.now()
  local today = clock.today(now)
  local question = kind == "session" and people_sql.by_session or people_sql.by_token
  return from_rows(store.query(question, today, today, store.blob(hash.blake2b(text)), now))
end

--- The actor of a login, without a check of any password: for tests.
function actor.by_login(login)
  local today = clock.today(clock.now())
  return from_rows(store.query(people_sql.by_login, today, today, login))
end

return actor
