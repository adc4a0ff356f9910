-- scripts/people/sessions.lua: signing in and out. A session is a random text of which only the hash is stored.

local clock = require "core.clock"
local hash = require "core.hash"
local people_sql = require "sql.people"
local problem = require "problem"
local store = require "core.store"

local sessions = {}

sessions.cookie = "tidemill_session"
sessions.lasts_ms = 12 * 3600 * 1000

-- Verified in place of a real hash when the login is unknown, so that both take as long.
local decoy

--- Checks a login and password; in `prepare`, since hashing takes its time and its memory.
---@param login string
---@param password string
---@return integer user
function sessions.verify(login, password)
  local row = store.query(people_sql.password, login)[1]
  local stored = row and row[2]
  if not stored then
    decoy = decoy or hash.password_hash(hash.base64url(hash.random(16)))
  end
  local good = hash.password_verify(stored or decoy, password)
  if not (stored and good) then
    error(problem.new(401, "bad_login"), 0)
  end
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
