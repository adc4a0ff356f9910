-- scripts/people/tokens.lua: access tokens for programs. Only the hash of a token is stored.

local clock = require "core.clock"
local hash = require "core.hash"
local id = require "core.id"
local json = require "core.json"
local mistake = require "mistake"
local people_sql = require "sql.people"
local store = require "core.store"

local tokens = {}

--- Makes a token for a user; it acts with that user's rights. Returns its text, which is shown this once.
---@param login string
---@param name string what it is for
---@param lane fun(name: string, payload: string): string
---@return string
function tokens.create(login, name, lane)
  local row = store.query(people_sql.password, login:lower())[1]
  if not row then
    mistake("there is no user %s", login)
  end
  local secret = "tm_" .. hash.base64url(hash.random(32))
  lane("token.add", json.encode { user = id.seal(row[1]), name = name, hash = hash.base64url(hash.blake2b(secret)) })
  return secret
end

--- Stores a token's hash; in the home lane.
function tokens.add(payload)
  local token = json.decode(payload)
  store.run(people_sql.add_token, store.blob(hash.unbase64url(token.hash)), id.open(token.user), token.name, clock.now(), nil)
  return ""
end

return tokens
