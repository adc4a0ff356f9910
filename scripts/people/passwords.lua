-- scripts/people/passwords.lua: passwords in bodies are hashed in `prepare`, never in the lane.

local hash = require "core.hash"
local json = require "core.json"
local problem = require "problem"
local text = require "core.text"

local passwords = {}

--- Hashes a password (argon2id, RFC 9106). Raises a problem when it is too short or too long.
---@param field string
---@param value any
---@return string
function passwords.hash(field, value)
  if type(value) ~= "string" or text.length(value) < 8 or text.length(value) > 200 then
    problem.raise(422, { problem.fault(field, "field.password") })
  end
  return hash.password_hash(value)
end

--- The `prepare` of routes that take an entity's body: nil when it has no password field.
function passwords.prepare(entity)
  local fields = {}
  for _, field in ipairs(entity.fields) do
    if field.type == "password" then
      fields[#fields + 1] = field.name
    end
  end
  if #fields == 0 then
    return nil
  end
  return function(body)
    local hashes = {}
    for _, field in ipairs(fields) do
      if body[field] ~= nil and body[field] ~= json.null then
        hashes[field] = passwords.hash(field, body[field])
      end
    end
    return json.encode(hashes)
  end
end

--- Puts the hashes that `prepare` made in the place of the passwords.
function passwords.merge(body, prepared)
  for field, value in pairs(prepared and prepared ~= "" and json.decode(prepared) or {}) do
    body[field] = { hash = value }
  end
  return body
end

return passwords
