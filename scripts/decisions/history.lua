-- scripts/decisions/history.lua: what is written down of a decision's run, and what of it a reader
-- is told later.
--
-- By then the decision may have other rows, other facts, or be gone. So each run keeps, beside its
-- facts, outcome, row and version, an explanation: { title, facts = [ { fact, of, test } ], outcome
-- = [ names ] }. Nothing is looked up in the decision of today but who may see a field.

local clock = require "core.clock"
local context = require "context"
local i18n = require "i18n"
local id = require "core.id"
local json = require "core.json"
local policies = require "access.policies"
local records = require "entities.records"
local registry = require "entities.registry"
local sql = require "sql.decisions"
local store = require "core.store"

local history = {}

local function explain(decision, r)
  local row = r and decision.rows[r]
  local explanation = { title = decision.title, facts = json.array {}, outcome = json.array {} }
  for i, fact in ipairs(decision.facts) do
    explanation.facts[i] = { fact = fact.name, of = fact.of, test = row and row[i] }
  end
  for i, outcome in ipairs(decision.outcome) do
    explanation.outcome[i] = outcome.name
  end
  return json.encode(explanation)
end

--- The explanation of a run, as it is written down. It is the same for each run by the same row.
---@param decision table
---@param r integer|nil the row that matched
---@return string JSON
function history.explanation(decision, r)
  local made = decision.explanations or {}
  decision.explanations = made
  made[r or 0] = made[r or 0] or explain(decision, r)
  return made[r or 0]
end

local function sees_all(entity, actor, record)
  if record then
    return policies.visible(entity, actor, record) == true
  end
  return policies.known_fields(entity, actor) == true
end

-- Whether a reader may know what was read by the path `of`, "lead.product.delivery_mode". Where the
-- path leads to what is no field any more, or is not known, those may who see all of its entity and
-- all of the subject.
local function reader_knows(of, subject_entity, subject, actor)
  local step = (of or ""):gmatch("[^.]+")
  local entity, record = subject_entity, subject
  if step() ~= entity.name then
    return sees_all(entity, actor, record)
  end
  local name = step()
  while name do
    local field = entity and entity.by_name[name]
    if not field then
      return sees_all(subject_entity, actor, subject)
        and (not entity or sees_all(entity, actor, record))
    end
    local visible = record and policies.visible(entity, actor, record) or not record
      and policies.known_fields(entity, actor)
    if not visible or not (visible == true or record and visible[name]) then
      return false
    end
    name = step()
    local inner = name and record and record[field.name]
    entity = registry.get(field.to)
    record = inner and entity and id.open(inner) and records.load(entity, id.open(inner)) or nil
  end
  return true
end

-- What is shown of the facts, and beside each the test of the row.
local function shown_facts(facts, explanation, knows)
  local shown, conditions, named = {}, json.array {}, {}
  for _, one in ipairs(explanation.facts or {}) do
    named[one.fact] = true
    if knows(one.of) then
      shown[one.fact] = facts[one.fact] == nil and json.null or facts[one.fact]
      conditions[#conditions + 1] = one.test and { fact = one.fact, test = one.test } or nil
    end
  end
  for name, value in pairs(facts) do
    if not named[name] and knows(nil) then
      shown[name] = value
    end
  end
  return shown, conditions
end

local function shown_outcome(outcome, explanation)
  for _, name in ipairs(explanation.outcome or {}) do
    outcome[name] = outcome[name] == nil and json.null or outcome[name]
  end
  return outcome
end

--- The decisions about a record, newest first, masked by the reader's rights.
---@param entity table
---@param subject table the record, whole
---@param inner integer
---@param language string
---@return table[]
function history.of_record(entity, subject, inner, language)
  local actor = context.current().actor
  local function knows(of)
    return reader_knows(of, entity, subject, actor)
  end
  local list = json.array {}
  for i, row in ipairs(store.query(sql.of_record, entity.name, inner)) do
    local explanation = row[9] and json.decode(row[9]) or {}
    local facts, conditions = shown_facts(json.decode(row[6]), explanation, knows)
    list[i] = {
      id = id.seal(row[1]), decision = row[2], version = row[3], at = clock.format(row[4]),
      title = explanation.title and i18n.say(explanation.title, language) or row[2],
      facts = facts, conditions = conditions, row = row[8] or json.null,
      outcome = shown_outcome(json.decode(row[7]), explanation),
    }
  end
  return list
end

return history
