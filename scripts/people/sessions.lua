-- scripts/people/sessions.lua: signing in and out. A session is a random text of which only the hash is stored.

local attempts = require "core.attempts"
local clock = require "core.clock"
local hash = require "core.hash"
local people_sql = require "sql.people"
local problem = require "problem"
local store = require "core.store"

local sessions = {}

sessions.cookie = "tidemill_session"
sessions.lasts_ms = 12 * 3600 * 1000

-- How many passwords may be wrong in a minute: for one login from one network, and from one network at all. The
-- loopback is no network: a proxy in front of the server speaks for everybody.
local WRONG_FOR_LOGIN, WRONG_AT_ALL = 10, 100

local function is_loopback(network)
  return network == "::1" or network:find("^127%.") ~= nil
end

local function check_attempts(pair, network)
  local wait = attempts.wait(pair, WRONG_FOR_LOGIN)
    or not is_loopback(network) and attempts.wait(network, WRONG_AT_ALL)
  if wait then
    error(problem.new(429, "many_attempts", { headers = { ["retry-after"] = tostring(wait) } }), 0)
  end
end

-- Verified in place of a real hash when the login is unknown, so that both take as long.
local decoy

--- Checks a login and password; in `prepare`, since hashing takes its time and its memory.
---@param login string
---@param password string
---@param client string its address
---@return integer user
function sessions.verify(login, password, client)
  local network = attempts.network(client)
  local pair = network .. "\n" .. login
  check_attempts(pair, network)
  local row = store.query(people_sql.password, login)[1]
  local stored = row and row[2]
  if not stored then
    decoy = decoy or hash.password_hash(hash.base64url(hash.random(16)))
  end
  local good = hash.password_verify(stored or decoy, password)
  if not (stored and good) then
    attempts.failed(pair)
    attempts.failed(network)
    error(problem.new(401, "bad_login"), 0)
  end
  attempts.forget(pair)
  return row[1]
end

--- Starts a session. Returns its secret text and when it ends.
---@param user integer
---@return string secret, integer expires_at
function sessions.start(user)
  local secret, now = hash.base64url(hash.random(32)), clock.now()
  store.run(people_sql.end_old_sessions, now)
  store.run(people_sql.add_session, store.blob(hash.blake2b(secret)), user, now, now + sessions.lasts_ms)
  return secret, now + sessions.lasts_ms
end

function sessions.finish(secret)
  store.run(people_sql.end_session, store.blob(hash.blake2b(secret)))
  store.touch()
end

--- Ends the sessions of somebody whose password was set, but not the one in which it was.
---@param user integer
---@param but string|nil the text of that session
function sessions.finish_others(user, but)
  store.run(people_sql.end_other_sessions, user, store.blob(but and hash.blake2b(but) or ""))
  store.touch()
end

return sessions
