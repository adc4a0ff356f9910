-- scripts/people/passwords.lua: passwords in bodies are hashed in `prepare`, never in the lane.

local hash = require "core.hash"
local json = require "core.json"
local problem = require "problem"
local text = require "core.text"

local passwords = {}

local function is_password(value)
  return type(value) == "string" and text.length(value) >= 8 and text.length(value) <= 200
end

--- Hashes a password (argon2id, RFC 9106). Raises a problem when it is too short or too long.
---@param field string
---@param value any
---@return string
function passwords.hash(field, value)
  if not is_password(value) then
    problem.raise(422, { problem.fault(field, "field.password") })
  end
  return hash.password_hash(value)
end

--- The `prepare` of routes that take an entity's body: nil when it has no password field. What is no password is left
--- to be refused with the other faults of the body.
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
        hashes[field] = is_password(body[field]) and hash.password_hash(body[field])
      end
    end
    return json.encode(hashes)
  end
end

--- Puts the hashes that `prepare` made in the place of the passwords, and false in that of what was none.
function passwords.merge(body, prepared)
  for field, value in pairs(prepared and prepared ~= "" and json.decode(prepared) or {}) do
    body[field] = value and { hash = value }
  end
  return body
end

return passwords
