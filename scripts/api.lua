-- scripts/api.lua: `mill`, the one object that a plugin gets. What is not here, a plugin cannot do.

local actions = require "actions"
local actor = require "people.actor"
local assignments = require "assignments"
local cache = require "cache"
local clock = require "core.clock"
local context = require "context"
local core_text = require "core.text"
local decimal = require "core.decimal"
local decisions = require "decisions"
local duration = require "duration"
local i18n = require "i18n"
local id = require "core.id"
local imports = require "imports"
local json = require "core.json"
local kept = require "kept"
local language = require "core.language"
local log = require "core.log"
local misspelt = require "misspelt"
local money = require "money"
local pages = require "pages"
local permissions = require "permissions"
local places = require "places"
local policies = require "access.policies"
local problem = require "problem"
local query = require "entities.query"
local records = require "entities.records"
local registry = require "entities.registry"
local rules = require "rules"
local sandbox = require "core.sandbox"
local settings = require "settings"

local api = {}

-- Declarations are made while a generation is loaded and at no other time.
local loading = true

--- After this, declarations raise an error.
function api.close()
  loading = false
end

--- Runs `f()` as if a generation were being loaded: for tests.
function api.loading(f)
  loading = true
  local ok, fault = pcall(f)
  loading = false
  if not ok then
    error(fault, 0)
  end
end

local function while_loading(name)
  if not loading then
    error(("%s: %s is a declaration: it stands at the top level of a plugin's file"):format(
      places.caller() or "?", name), 0)
  end
end

--- `mill.entity "lead" { … }`: a declaration with a name and a table. Where it stands is asked while its name is read:
--- by the time the table comes, `return mill.entity …` has left no frame of the file behind. What
--- is wrong in it is told with the line of the field, row or grant, as far as the framework knows
--- it.
local function declaration(kind, declare)
  return function(name)
    while_loading("mill." .. kind)
    local where = places.caller() or "?"
    return function(spec)
      while_loading("mill." .. kind)
      if type(spec) ~= "table" then
        error(("%s: mill.%s %s: a table is needed"):format(where, kind, tostring(name)), 0)
      end
      local ok, made = pcall(places.within, where, function()
        local not_plain = sandbox.plain(spec)
        if not_plain then
          error(not_plain, 0)
        end
        return declare(name, spec, where)
      end)
      if not ok then
        error(tostring(made), 0)
      end
      kept.declared(kind ~= "decision" and spec or nil) -- a decision keeps nothing, see scripts/decisions/purity.lua
      return made or spec
    end
  end
end

-- What needs a unit of work is not there while a file is loaded; nor is all of it where a cache makes a value. `changes`: it
-- does more than read.
local function while_running(name, changes)
  if loading then
    error(("%s: mill.%s is for the functions of a file: nothing runs while it is loaded"):format(
      places.caller() or "?", name), 0)
  end
  cache.check_service(name, changes)
end

-- A plugin's metamethods do not run in the middle of the framework.
local function check_plain(name, ...)
  local fault = sandbox.plain(...)
  if fault then
    error(("%s: %s: %s"):format(places.caller() or "?", name, fault), 0)
  end
end

--- Milliseconds of a duration such as "4h", "30m", "3d".
local function milliseconds(text)
  return duration.parse(text)
    or error(("%s: %q is no duration; write for example 30m, 4h or 3d"):format(
      places.caller() or "?", tostring(text)), 0)
end

local function id_of(entity, record)
  if type(record) ~= "table" then
    return record
  end
  local of = records.entity_of(record)
  if of and of ~= entity then
    error(("%s: this is a record of %s, not of %s"):format(
      places.caller() or "?", of.name, entity.name), 0)
  end
  return record.id
end

-- What the actor may see of a record that was just changed.
local function shown(entity, whole)
  return records.masked(entity, whole, policies.visible(entity, context.current().actor, whole))
end

-- What somebody asked wrongly of mill.db, with the plugin's line.
local function wrong(entity, method, format, ...)
  error(("%s: mill.db.%s:%s: %s"):format(
    places.caller() or "?", entity.name, method, format:format(...)), 0)
end

-- What a record is compared with: a record stands for its id.
local function compared(entity, method, key, value)
  if type(value) == "table" and records.entity_of(value) then
    return value.id
  elseif type(value) == "table" or type(value) == "function" or value == json.null then
    wrong(entity, method, "where %s: a value, a record, mill.null or, for .in, a list is needed",
      key)
  end
  return value
end

-- One condition of scripts/entities/query.lua. mill.null asks for what is empty, or with .ne for
-- what is not.
local function condition_of(entity, method, key, value)
  local field, operator = tostring(key):match("^([%l%d_]+)%.(%l+)$")
  field, operator = field or tostring(key), operator or "eq"
  if value == json.null and (operator == "eq" or operator == "ne") then
    return { field = field, operator = "null", text = tostring(operator == "eq") }
  elseif operator == "in" and type(value) == "table" and not records.entity_of(value) then
    local values = {}
    for i, one in ipairs(value) do
      values[i] = compared(entity, method, key, one)
    end
    return { field = field, operator = operator, values = values }
  end
  value = compared(entity, method, key, value)
  local in_words = operator == "in" or operator == "null" or operator == "has"
  return { field = field, operator = operator, text = in_words and tostring(value) or value }
end

local function conditions_of(entity, method, where)
  if type(where or {}) ~= "table" then
    wrong(entity, method, "where must be a table, such as { score = 80 }")
  end
  local conditions = {}
  for key, value in pairs(where or {}) do
    conditions[#conditions + 1] = condition_of(entity, method, key, value)
  end
  table.sort(conditions, function(a, b)
    return a.field .. a.operator < b.field .. b.operator
  end)
  return conditions
end

-- What is wrong with a question was asked by the plugin, and by no caller.
local function ask(entity, method, where, sort, limit)
  local ok, found = pcall(query.records, entity, conditions_of(entity, method, where), sort, limit)
  if ok then
    return found
  elseif problem.is(found) and found.status == 400 then
    local fault = found.errors[1]
    wrong(entity, method, "%s%s", fault.field and fault.field .. ": " or "",
      i18n.say(fault.message, "en"))
  end
  error(found, 0)
end

local methods, reads = {}, { get = true, find = true, list = true }

--- The record with that id, as far as the actor may see it, or nil.
function methods.get(entity, sealed)
  return (records.get(entity, id_of(entity, sealed)))
end

--- The first record whose fields equal these, or nil.
function methods.find(entity, where)
  return ask(entity, "find", where, nil, 1)[1]
end

--- Records: `{ where = { ["score.ge"] = 80 }, sort = "-score", limit = 50 }`; at most 1,000.
function methods.list(entity, spec)
  spec = spec or {}
  local limit = spec.limit or 50
  if math.type(limit) ~= "integer" or limit < 0 then
    wrong(entity, "list", "limit must be a whole number")
  elseif spec.sort ~= nil and type(spec.sort) ~= "string" then
    wrong(entity, "list", "sort must be a text, such as \"-score,name\"")
  end
  return ask(entity, "list", spec.where, spec.sort, math.min(limit, 1000))
end

function methods.create(entity, input)
  return shown(entity, (records.create(entity, input or {})))
end

function methods.update(entity, record, input)
  return shown(entity, (records.update(entity, id_of(entity, record), input or {})))
end

function methods.archive(entity, record)
  return shown(entity, (records.archive(entity, id_of(entity, record))))
end

function methods.move(entity, record, move, input)
  return shown(entity, (records.move(entity, id_of(entity, record), move, input)))
end

-- Whom `mill.db:as(who)` names, if the running code may act as that. Asked at each call: what was
-- given to code that ran as the system may be kept, and used by a request.
local function acting(plugin, who)
  local running = context.current().actor
  local free = running and running.system or permissions.has(plugin, "elevate")
  local inner = who ~= "system" and id.open(who)
  if who == "system" and free then
    return context.system
  elseif inner and running and running.user == inner then
    return running
  elseif inner and free then
    return actor.by_user(inner)
      or error(("%s: mill.db:as: there is no such user"):format(places.caller() or "?"), 0)
  end
  return permissions.need(plugin, "elevate", places.caller() or "?",
    "mill.db:as: only the system acts as somebody else")
end

local function user_of(who)
  local of = records.entity_of(who)
  local sealed = of and of.name == "user" and who.id or type(who) == "string" and who
  if sealed and (sealed == "system" or id.open(sealed)) then
    return sealed
  end
  error(("%s: mill.db:as needs a user's record or id, or \"system\""):format(
    places.caller() or "?"), 0)
end

-- The table as plugins see it: what is not there is an error, and nothing can be set.
local function frozen(what, table_)
  setmetatable(table_, {
    __index = function(_, key)
      error(("there is no %s.%s%s"):format(what, tostring(key), misspelt.hint(key, table_, what .. ".")), 2)
    end,
  })
  return setmetatable({}, {
    __index = table_,
    __newindex = function()
      error(what .. " cannot be changed", 2)
    end,
    __metatable = false,
  })
end

--- `mill.db`: `mill.db.lead:create { … }`; as the running actor, under its policies, or as whom
--- `who` names.
--- `after(entity, record)` has a look at what a method returns.
local function database(plugin, after, who)
  local function call(method, run, ...)
    while_running("db", not reads[method])
    if who then
      return context.as(acting(plugin, who), nil, run, ...)
    end
    return run(...)
  end
  local function as(_, user)
    while_running("db")
    return database(plugin, after, user_of(user))
  end
  local function make_handle(name, entity)
    local handle = {}
    for method, run in pairs(methods) do
      local function run_and_look(...)
        return after(entity, method, run(entity, ...))
      end
      handle[method] = function(_, ...)
        check_plain("mill.db", ...)
        return call(method, run_and_look, ...)
      end
    end
    return frozen("mill.db." .. name, handle)
  end
  local handles = { as = as }
  return setmetatable({}, {
    __metatable = false,
    __newindex = function()
      error("mill.db cannot be changed", 2)
    end,
    __index = function(_, name)
      local handle = handles[name]
      if not handle then
        local entity = registry.get(name) or error(("mill.db: there is no entity %s%s"):format(
          tostring(name), misspelt.hint(name, registry.by_name)), 2)
        handle = make_handle(name, entity)
        handles[name] = handle
      end
      return handle
    end,
  })
end

local function as_it_is(_, _, result)
  return result
end

-- In a test each change is a request of its own: its rules run at once. What a rule of the test changes belongs to
-- the request that it runs in.
local function settled(entity, method, result)
  if reads[method] or context.current().cause.kind == "rule" then
    return result
  end
  rules.settle()
  context.current().net = nil
  return methods.get(entity, result.id)
end

-- Form KC makes eleven times as much of some texts.
local FOLDED_BYTES = 256 * 1024

-- The language of whoever will read the answer, where the caller names none.
local function readers(given)
  local ctx = given == nil and not loading and context.current()
  return given or ctx and ctx.language or "en"
end

-- What is known of texts. Each takes bounded texts, and so bounded time.
local function texts()
  local text = {}

  --- The text as it is compared when neither case nor width nor the form of a letter shall count.
  function text.fold(value)
    if type(value) ~= "string" or #value > FOLDED_BYTES then
      error(("mill.text.fold: a text of at most %d bytes is needed"):format(FOLDED_BYTES), 2)
    end
    return core_text.normalize(core_text.fold(core_text.normalize(value, "nfkc")), "nfkc")
  end

  --- The text as people type it to find it: Chinese characters as syllables of pinyin.
  function text.pinyin(value)
    return language.pinyin(value)
  end

  --- The words of the text, without blanks and punctuation.
  function text.words(value, of)
    return language.words(value, readers(of))
  end

  --- Bytes whose order is that of the texts in the language.
  function text.sort_key(value, of)
    return language.sort_key(value, readers(of))
  end

  --- A whole number, a decimal or an amount of money as people write it.
  function text.number(value, of)
    local amount = decimal.is(value)
    return language.number(amount and tostring(value) or value, readers(of), amount and value:currency() or nil)
  end

  --- A day as people write it.
  function text.date(day, of, style)
    return language.day(day, readers(of), style)
  end

  --- A time as people write it in a time zone.
  function text.time(time, zone, of, style)
    local ms = clock.parse(tostring(time)) or error(("mill.text.time: %q is no time"):format(tostring(time)), 2)
    return language.instant(ms, readers(of), zone, style)
  end

  return frozen("mill.text", text)
end

-- What a plugin may ask and do while it runs.
local function services(plugin, after)
  local mill = {}

  mill.db = database(plugin, after)
  mill.text = texts()

  --- Decides about a record by a named decision, and writes down why. Returns the outcome's table.
  function mill.decide(name, record)
    while_running("decide", true)
    check_plain("mill.decide", record)
    rules.check_use(name)
    return decisions.decide(name, record)
  end

  --- Takes a seat by a selector (`unit:CODE`, `position:CODE`); returns the position's record, or nil.
  function mill.assign(selector, record)
    while_running("assign", true)
    check_plain("mill.assign", record)
    return assignments.assign(selector, record)
  end

  --- The time of this unit of work, RFC 3339.
  function mill.now()
    while_running "now"
    return clock.format(context.current().at)
  end

  --- The time that lies a duration ("4h") after now.
  function mill.after(text)
    while_running "after"
    return clock.format(context.current().at + milliseconds(text))
  end

  --- Today's date (UTC).
  function mill.today()
    while_running "today"
    return clock.today(context.current().at)
  end

  --- What made the running code run: kind ("request", "rule", "import"), id, version.
  function mill.cause()
    while_running("cause", true) -- which is another for each request
    local cause = context.current().cause
    return { kind = cause.kind, id = cause.id, version = cause.version }
  end

  --- Writes a line to the server's log.
  function mill.log(level, text)
    log.log(level, "plugin", { plugin = plugin.name, text = tostring(text) })
  end

  --- The value of a setting: of a client pack, else the default of the plugin that declares it.
  function mill.setting(name)
    return settings.get(name)
  end

  mill.null = json.null -- clears a field
  mill.money = money.new
  mill.problem = problem.from_plugin

  --- In a mapping: the record of an entity that has these values.
  function mill.ref(entity, key)
    return { ref = entity, key = key }
  end

  return mill
end

--- The `mill` of one plugin or client pack.
---@param plugin table { name, version, folder }
---@param source fun(): string the text of the file that is being loaded
---@return table
function api.for_plugin(plugin, source)
  local mill = services(plugin, as_it_is)

  mill.entity = declaration("entity", function(name, spec, where) registry.declare(name, spec, plugin.name, where) end)
  mill.extend = declaration("extend", function(name, spec, where) registry.extend(name, spec, plugin.name, where) end)
  mill.lifecycle = declaration("lifecycle", function(name, spec, where)
    registry.lifecycle(name, spec, plugin.name, where)
  end)
  mill.access = declaration("access", function(name, spec, where) policies.declare(name, spec, plugin.name, where) end)
  mill.rule = declaration("rule", function(name, spec, where) rules.declare(name, spec, plugin, where) end)
  mill.decision = declaration("decision", function(name, spec, where) decisions.declare(name, spec, plugin, source(), where) end)
  mill.action = declaration("action", function(name, spec, where)
    actions.declare(name, spec, plugin, where)
  end)
  mill.cache = declaration("cache", function(name, spec, where) return cache.declare(name, spec, where) end)
  mill.page = declaration("page", function(path, spec, where) pages.declare(path, spec, plugin, where) end)
  mill.mapping = declaration("mapping", function(name, spec, where)
    imports.declare(name, spec, plugin, where)
  end)

  return frozen("mill", mill)
end

--- The `mill` of tests: no declarations, and after each change the rules have run.
function api.for_tests(plugin)
  return frozen("mill", services(plugin, settled))
end

return api
