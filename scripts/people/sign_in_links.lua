-- scripts/people/sign_in_links.lua: links that sign a person in once, without a password. Only the hash of a link's
-- secret is stored; the secret stands after the # of the address, so that it reaches no log on the way.
--
-- The first administrator of an empty installation comes in by one: as long as no user has a password, each start
-- of the server prints a new link, and the one before it is dead.

local clock = require "core.clock"
local hash = require "core.hash"
local id = require "core.id"
local json = require "core.json"
local people_sql = require "sql.people"
local problem = require "problem"
local records = require "entities.records"
local registry = require "entities.registry"
local store = require "core.store"

local links = {}

links.lasts_ms = 24 * 3600 * 1000

--- Whether nobody could sign in with a password.
---@return boolean
function links.nobody_can_sign_in()
  return #store.query(people_sql.any_password) == 0
end

-- The record whose natural key is `code`, made when it is not there.
local function ensure(entity_name, code, values)
  local entity = registry.get(entity_name)
  local row = store.query(people_sql.by_code[entity_name], code)[1]
  if row then
    return id.seal(row[1])
  end
  values[entity.key] = code
  return records.create(entity, values).id
end

--- Makes the first administrator, when needed, and stores the link's hash; in the home lane.
---@param payload string `{"hash": base64url}`
function links.add_first(payload)
  local role = ensure("role", "administrator", { name = "Administrator" })
  local user = ensure("user", "admin", { name = "Administrator" })
  ensure("position", "admin", { name = "Administrator", role = role, holder = user })
  local inner = id.open(user)
  store.run(people_sql.end_links, inner)
  store.run(people_sql.add_link, store.blob(hash.unbase64url(json.decode(payload).hash)), inner, clock.now() + links.lasts_ms)
  return ""
end

--- A link for the first administrator, to be shown once.
---@param address string of the server, ending with "/"
---@param lane fun(name: string, payload: string): string
---@return string
function links.first(address, lane)
  local secret = hash.base64url(hash.random(32))
  lane("sign_in_link.first", json.encode { hash = hash.base64url(hash.blake2b(secret)) })
  return ("%s#/sign-in/%s"):format(address, secret)
end

--- Takes a link: whom it signs in. It is gone with this. Raises a problem when there is no such link (any more).
---@param secret string
---@return integer user
function links.take(secret)
  local key = store.blob(hash.blake2b(secret))
  local row = store.query(people_sql.link_user, key, clock.now())[1]
  if not row then
    error(problem.new(401, "bad_link"), 0)
  end
  store.run(people_sql.end_link, key)
  return row[1]
end

return links
