-- scripts/decisions.lua: decisions: pure functions from named facts to an outcome, and the record of each.
--
-- A decision is a table (rows of unary tests) or a Lua function that reaches nothing but its facts. What it was asked, what
-- it answered, which row matched and what the log's position was, is written down in the same transaction.

local context = require "context"
local generation = require "core.generation"
local hash = require "core.hash"
local history = require "decisions.history"
local id = require "core.id"
local json = require "core.json"
local misspelt = require "misspelt"
local outcomes = require "decisions.outcomes"
local places = require "places"
local purity = require "decisions.purity"
local records = require "entities.records"
local registry = require "entities.registry"
local sandbox = require "core.sandbox"
local settings = require "settings"
local sql = require "sql.decisions"
local store = require "core.store"
local tests = require "decisions.tests"

local decisions = { by_name = {} }

local decision_keys = { title = true, hit = true, facts = true, outcome = true, rows = true, decide = true }

-- The Lua expression that says whether a row matches. What the row answers is checked with it.
local function compile_row(decision, r, row, width)
  if type(row) ~= "table" or #row ~= width then
    error(("decision %s: row %d has %d cells, needed are %d facts and %d outcomes"):format(
      decision.name, r, type(row) == "table" and #row or 0, #decision.facts, #decision.outcome), 0)
  end
  local conditions = {}
  for f, fact in ipairs(decision.facts) do
    local expression, fault, kinds = tests.compile(row[f], ("facts[%q]"):format(fact.name))
    if not expression then
      error(("decision %s: row %d, %s: %q: %s"):format(
        decision.name, r, fact.name, tostring(row[f]), fault), 0)
    elseif expression ~= "true" then
      conditions[#conditions + 1] = expression
      for kind in pairs(kinds) do
        fact.asked[kind] = fact.asked[kind] or r
      end
    end
  end
  for o, outcome in ipairs(decision.outcome) do
    local cell = row[#decision.facts + o]
    local fault = cell ~= "" and outcomes.fault(outcome, cell)
    if fault then
      error(("decision %s: row %d, %s: %s"):format(decision.name, r, outcome.name, fault), 0)
    end
  end
  return #conditions > 0 and table.concat(conditions, " and ") or "true"
end

local function compile_table(decision, spec)
  if spec.hit ~= "first" and spec.hit ~= "unique" then
    error(("decision %s: hit must be \"first\" or \"unique\", not %s"):format(decision.name, tostring(spec.hit)), 0)
  end
  local width = #decision.facts + #decision.outcome
  local lines = { "local facts, matched = ...", "local found" }
  for r, row in ipairs(spec.rows) do
    local condition = places.within(
      places.item(decision.where, "rows", r), compile_row, decision, r, row, width)
    if spec.hit == "first" then
      lines[#lines + 1] = ("if %s then return %d end"):format(condition, r)
    else
      lines[#lines + 1] = ("if %s then if found then matched(found, %d) end found = %d end"):format(condition, r, r)
    end
  end
  lines[#lines + 1] = "return found"
  local match = assert(
    sandbox.load(table.concat(lines, "\n"), "=decision " .. decision.name, tests.environment))
  local function twice(first, second)
    error(("decision %s: rows %d and %d both match, and hit is \"unique\""):format(decision.name, first, second), 0)
  end
  decision.rows = {} -- copies: what the plugin does with its own, later, is nothing to us
  for r, row in ipairs(spec.rows) do
    decision.rows[r] = table.move(row, 1, width, 1, {})
  end
  decision.run = function(facts)
    local r = match(facts, twice)
    local outcome = {}
    for o, one in ipairs(decision.outcome) do
      local value = r and decision.rows[r][#decision.facts + o]
      if value ~= "" then
        outcome[one.name] = value
      end
    end
    return outcome, r
  end
end

-- What a function answered, if it may.
local function checked(decision, answered)
  if type(answered) ~= "table" then
    error(("decision %s must return a table, not %s"):format(decision.name, type(answered)), 0)
  end
  local outcome, known = {}, {}
  for _, one in ipairs(decision.outcome) do
    local value = answered[one.name]
    known[one.name] = true
    if value ~= "" then
      local fault = outcomes.fault(one, value)
      if fault then
        error(("%s: decision %s: %s: %s"):format(decision.where, decision.name, one.name, fault), 0)
      end
      outcome[one.name] = value
    end
  end
  for name in pairs(answered) do
    if not known[name] then
      error(("%s: decision %s has no outcome %s%s"):format(decision.where, decision.name,
        type(name) == "string" and name or "a " .. type(name), misspelt.hint(name, known)), 0)
    end
  end
  return outcome
end

local function compile_function(decision, spec)
  local decide = purity.seal(decision.name, spec.decide)
  decision.run = function(facts)
    return checked(decision, decide(purity.freeze(facts))), nil
  end
end

local function shape_of(list)
  local names = {}
  for i, one in ipairs(list) do
    names[i] = one.name
  end
  return json.shape(names)
end

local function make_outcome(name, declared)
  local ok, made = pcall(outcomes.make, declared)
  return ok and made or error(("decision %s: %s"):format(name, made), 0)
end

--- Declares a decision.
---@param name string
---@param spec table `title`, `facts` ({ name, of = "lead.score" } …), `outcome` ({ name, type,
--- values } …), `hit` and `rows`, or `decide(facts)`
---@param plugin table { name, version }
---@param source string the text of the file: its hash is the decision's version
---@param where string file and line of the declaration
function decisions.declare(name, spec, plugin, source, where)
  if decisions.by_name[name] then
    error(("decision %s is declared twice: here and at %s"):format(name, decisions.by_name[name].where), 0)
  end
  misspelt.check_keys("decision " .. tostring(name), spec, decision_keys, where)
  if type(spec.title) ~= "table" or not spec.title.en or not spec.title.zh then
    error(("decision %s needs title in both languages"):format(name), 0)
  end
  local decision = {
    name = name, title = spec.title, plugin = plugin, where = where, facts = {}, outcome = {},
    version = hash.hex(hash.blake2b(source)):sub(1, 16),
  }
  for i, fact in ipairs(spec.facts or {}) do
    local place = places.item(where, "facts", i)
    if type(fact[1]) ~= "string" or type(fact.of) ~= "string" then
      error(("decision %s: a fact is { \"name\", of = \"entity.field\" }"):format(name), 0)
    end
    decision.facts[#decision.facts + 1] = { name = fact[1], of = fact.of, label = fact.label,
      where = place, asked = {}, index = i }
  end
  for i, declared in ipairs(spec.outcome or {}) do
    decision.outcome[i] = places.within(
      places.item(where, "outcome", i), make_outcome, name, declared)
  end
  decision.write_facts, decision.write_outcome = shape_of(decision.facts), shape_of(decision.outcome)
  if spec.rows and not spec.decide then
    compile_table(decision, spec)
  elseif type(spec.decide) == "function" and not spec.rows then
    compile_function(decision, spec)
  else
    error(("decision %s needs either rows or decide"):format(name), 0)
  end
  decisions.by_name[name] = decision
end

-- "lead.product.delivery_mode" → the entity, and the fields to walk.
local function resolve(decision, fact)
  local path = {}
  for part in fact.of:gmatch("[^.]+") do
    path[#path + 1] = part
  end
  local entity = registry.get(path[1])
  local fields = {}
  for i = 2, #path do
    local field = entity and entity.by_name[path[i]]
    if not field or (i < #path and field.type ~= "reference") then
      local known = i == 2 and not entity and registry.by_name or entity and entity.by_name or {}
      error(("%s: decision %s: the fact %s is of %s, which does not exist%s"):format(
        tostring(fact.where), decision.name, fact.name, fact.of,
        misspelt.hint(entity and path[i] or path[1], known)), 0)
    end
    fields[#fields + 1] = { entity = entity, field = field }
    entity = field.type == "reference" and registry.get(field.to) or nil
  end
  if #fields == 0 then
    error(("%s: decision %s: the fact %s needs of = \"entity.field\""):format(
      tostring(fact.where), decision.name, fact.name), 0)
  end
  fact.entity, fact.path = path[1], fields
end

-- Of which kind the values of a field are in a cell; all others are texts.
local kind_of_type = { integer = "number", decimal = "number", money = "number",
  boolean = "boolean" }

-- A cell that asks a number for a text would never match.
local function check_kinds(decision, fact)
  local field = fact.path[#fact.path].field
  local kind = kind_of_type[field.type] or "string"
  for asked, r in pairs(fact.asked) do
    if asked ~= kind and asked ~= "null" then
      error(("%s: decision %s: row %d, %s: %q: %s is of type %s and never fits %s"):format(
        tostring(places.item(decision.where, "rows", r)), decision.name, r, fact.name,
        decision.rows[r][fact.index], fact.of,
        field.type, asked == "string" and "a text" or "a " .. asked), 0)
    end
  end
end

--- Checks, when everything is loaded, where the facts come from.
function decisions.finish()
  for _, decision in pairs(decisions.by_name) do
    for _, fact in ipairs(decision.facts) do
      resolve(decision, fact)
      check_kinds(decision, fact)
      if decision.entity and decision.entity ~= fact.entity then
        error(("%s: decision %s: the fact %s is of %s, others of %s; all are of one"):format(
          tostring(fact.where), decision.name, fact.name, fact.entity, decision.entity), 0)
      end
      decision.entity = fact.entity
    end
  end
end

-- Facts are plain values, which can be written down: an amount is its text. Rows compare amounts by
-- their value, in the currency in which all are compared; until there are rates, no amount is in
-- another.
local function in_words(facts)
  local plain = {}
  for name, value in pairs(facts) do
    plain[name] = type(value) == "userdata" and tostring(value) or value
  end
  return plain
end

local function check_currency(decision, fact, value)
  local currency = decision.rows and value:currency()
  if currency and currency ~= settings.base_currency() then
    error(("decision %s: the fact %s is in %s, and rows compare %s"):format(
      decision.name, fact.name, currency, settings.base_currency()), 0)
  end
end

-- The record as it stands, with its inner id: what a plugin's copy says of it is not asked.
local function stored(decision, subject)
  local entity = records.entity_of(subject)
  local given = entity and "a record of " .. entity.name or "no record"
  local inner = entity and type(subject.id) == "string" and id.open(subject.id)
  if not entity or decision.entity and entity.name ~= decision.entity then
    error(("decision %s is about a record of %s; what was given is %s"):format(
      decision.name, decision.entity or "any entity", given), 0)
  end
  local record = inner and records.load(entity, inner)
  if not record then
    error(("decision %s is about a record of %s; what was given is %s that does not exist"):format(
      decision.name, decision.entity or "any entity", given), 0)
  end
  return entity, record, inner
end

-- Follows a fact's path from the record. Facts are read as the system; what is shown later is
-- masked by the reader.
local function gather(fact, record)
  for i, step in ipairs(fact.path) do
    local value = record[step.field.name]
    if value == nil then
      return nil
    elseif i == #fact.path then
      return value
    end
    record = records.load(registry.get(step.field.to), id.open(value))
    if not record then
      return nil
    end
  end
end

--- Decides about a record, and writes down why.
---@param name string
---@param subject table a record; its facts are read from the store
---@return table outcome
function decisions.decide(name, subject)
  local decision = decisions.by_name[name] or error(("there is no decision %s%s"):format(
    tostring(name), misspelt.hint(name, decisions.by_name)), 0)
  local ctx = context.current()
  local facts, amounts = {}, false
  local entity, record, inner = stored(decision, subject)
  for _, fact in ipairs(decision.facts) do
    local value = gather(fact, record)
    facts[fact.name] = value
    if type(value) == "userdata" then
      amounts = true
      check_currency(decision, fact, value)
    end
  end
  local plain = amounts and in_words(facts) or facts
  ctx.decided = { name = name }
  local outcome, r = decision.run(decision.rows and facts or plain)
  ctx.decided.row = r
  if store.writes() then
    store.run(sql.add, id.new(), name, decision.version, ctx.at, store.position(),
      context.txn(ctx), entity.name, inner,
      decision.write_facts(plain), decision.write_outcome(outcome), r, history.explanation(decision, r),
      ctx.cause.kind, ctx.cause.id, generation.hash)
  end
  return outcome
end

decisions.of_record = history.of_record

return decisions
