-- scripts/imports.lua: rows of a CSV file become records, through a mapping of a client pack.
--
-- The file is read as a stream where the command runs; each slice of rows goes to the home lane as one unit of
-- bulk work, in which every row has its own savepoint: a refused row is undone, reported and left behind, and the rows
-- around it stay. A record that already has the values given is left alone, so the same file read twice changes nothing.
--
-- A slice ends when its time is over, or sooner when people wait, however many rows it has done by then: the rest comes with
-- the next one, and people's writes go between. What the last slice took says how many rows the next one is sent.

local clock = require "core.clock"
local context = require "context"
local csv = require "core.csv"
local i18n = require "i18n"
local json = require "core.json"
local maps = require "maps"
local mistake = require "mistake"
local passwords = require "people.passwords"
local misspelt = require "misspelt"
local problem = require "problem"
local query = require "entities.query"
local raised_words = require("raised").words
local records = require "entities.records"
local registry = require "entities.registry"
local rules = require "rules"
local store = require "core.store"
local task = require "core.task"
local text = require "core.text"

local imports = { by_name = {} }

-- After what time a slice takes no further row, and when people wait; how many rows are sent with the first one, and with any.
local SLICE_NS, SHORT_NS, FIRST_ROWS, MOST_ROWS = 40000000, 5000000, 50, 500

local mapping_keys = { title = true, columns = true, record = true, notes = true, migration = true, from = true }

--- Declares a mapping.
---@param name string
---@param spec table `title`, `columns` (the header that is needed), `record(row, note)` → a record or a list of them,
--- `notes` (texts of openly handled faults), `from` (field → column, for the report), `migration` (mutes reactions)
---@param plugin table
---@param where string file and line of the declaration
function imports.declare(name, spec, plugin, where)
  misspelt.check_keys("mill.mapping " .. tostring(name), spec, mapping_keys, where)
  if imports.by_name[name] then
    error(("mill.mapping %s is declared twice: by %s and by %s"):format(name, imports.by_name[name].plugin, plugin.name), 0)
  elseif type(spec.columns) ~= "table" or type(spec.record) ~= "function" then
    error(("mill.mapping %s needs columns and record"):format(name), 0)
  end
  imports.by_name[name] = {
    name = name, columns = spec.columns, record = spec.record, notes = spec.notes or {}, from = spec.from or {},
    migration = spec.migration or false, plugin = plugin.name, version = plugin.version,
  }
end

-- In the home lane:

-- A fault of a row, to be reported: which column, and what is wrong.
local function fault(field, code, values)
  problem.raise(422, { problem.fault(field, code, values) })
end

local function conditions_of(key)
  local conditions = {}
  for name, value in maps.sorted(key) do
    conditions[#conditions + 1] = { field = name, operator = "eq", text = tostring(value) }
  end
  return conditions
end

local function find(entity, key, field)
  local conditions, words = conditions_of(key), {}
  for i, condition in ipairs(conditions) do
    words[i] = condition.field .. " " .. condition.text
  end
  local found = query.records(entity, conditions, nil, 2)
  if #found > 1 then
    fault(field, "import.twice", { entity = entity.label, key = table.concat(words, ", ") })
  end
  return found[1], table.concat(words, ", ")
end

local function entity_named(name)
  return registry.get(name) or error(("the mapping names the unknown entity %s%s"):format(
    tostring(name), misspelt.hint(name, registry.by_name)), 0)
end

-- Replaces `mill.ref`s by ids. Found references are remembered for the slice.
local function resolve(values, known)
  local resolved = {}
  for name, value in maps.sorted(values) do
    if type(value) == "table" and value.ref then
      local token = value.ref .. json.encode(value.key)
      if not known[token] then
        local target = entity_named(value.ref)
        local record, words = find(target, resolve(value.key, known), name)
        known[token] = record and record.id or fault(name, "import.reference", { entity = target.label, key = words })
      end
      value = known[token]
    end
    resolved[name] = value
  end
  return resolved
end

-- Whom a row names may have been archived: then it is neither changed nor made once more.
local function check_archived(entity, key)
  local conditions = conditions_of(key)
  conditions[#conditions + 1] = { field = "archived_at", operator = "null", text = "false" }
  if #query.records(entity, conditions, nil, 1) > 0 then
    fault(conditions[1].field, "detail.archived")
  end
end

local function put(given, known)
  local entity = entity_named(given.entity)
  local set, key = resolve(given.set, known), resolve(given.key, known)
  local existing = find(entity, key, nil)
  if not existing then
    check_archived(entity, key)
    for name, value in pairs(key) do
      set[name] = set[name] == nil and value or set[name]
    end
    records.create(entity, set)
    return "created"
  end
  for _, field in ipairs(entity.fields) do
    if field.type == "password" then
      set[field.name] = nil
    end
  end
  local after = records.update(entity, existing.id, set)
  return after.version == existing.version and "unchanged" or "changed"
end

local function apply_row(row, known, migration)
  local counts = { created = 0, changed = 0, unchanged = 0 }
  for _, given in ipairs(row.records) do
    local outcome = put(given, known)
    counts[outcome] = counts[outcome] + 1
  end
  rules.settle(migration)
  return counts
end

-- What is wrong with a row, as a list of { field, message }. Errors of the code are told as such; lost groups go on up.
local function faults_of(raised)
  local list = json.array {}
  if problem.is(raised) then
    for _, one in ipairs(raised.errors) do
      list[#list + 1] = { field = one.field, message = one.message }
    end
    if #list == 0 then
      list[1] = { message = raised.detail or raised.title }
    end
  elseif type(raised) == "table" and raised.store and raised.code ~= "invalid" then
    error(raised, 0)
  else
    list[1] = { message = i18n.text("import.mapping", { message = raised_words(raised) }) }
  end
  return list
end

local function is_over(ns)
  return ns >= SLICE_NS or ns >= SHORT_NS and task.people_wait()
end

--- One slice, in the home lane.
---@param payload string JSON `{ mapping, rows = [ { line, records = [ { entity, key, set } ] } ] }`
---@return string JSON `{ results, ns }`: a result for each row that there was time for, one at least, and how long it took
function imports.slice(payload)
  local began = clock.mono()
  local slice = json.decode(payload)
  local mapping = imports.by_name[slice.mapping]
  local ctx = context.start(context.system, { kind = "import", id = mapping.name, version = mapping.version })
  local results, known = json.array {}, {}
  for i, row in ipairs(slice.rows) do
    if i > 1 and is_over(clock.mono() - began) then
      break
    end
    store.mark()
    ctx.net = nil
    local ok, result = pcall(apply_row, row, known, mapping.migration)
    if ok then
      store.keep()
      results[i] = { line = row.line, counts = result }
    else
      local faults = faults_of(result)
      store.undo()
      known = {}
      results[i] = { line = row.line, faults = faults }
    end
  end
  return json.encode { results = results, ns = clock.mono() - began }
end

-- Where the command runs:

local Run = {}
Run.__index = Run

-- Ends the run before its first row.
local function cannot(path, language, code, values)
  mistake("%s: %s", path, i18n.say(i18n.text(code, values), language))
end

local function start_run(mapping, path, rejects, language)
  if path == rejects then
    cannot(path, language, "import.same_file")
  end
  local reader, why = csv.open(path)
  if not reader then
    mistake("%s: %s", path, why)
  end
  local removed, fault_of_file = csv.remove(rejects) -- of the run before
  if not removed then
    mistake("%s", fault_of_file)
  end
  local header = reader:next()
  if not header then
    cannot(path, language, "import.empty")
  end
  local at = {}
  for i, name in ipairs(header) do
    at[name] = i
  end
  for _, column in ipairs(mapping.columns) do
    if not at[column] then
      cannot(path, language, "import.column", { name = column, known = table.concat(header, ", ") })
    end
  end
  return setmetatable({
    mapping = mapping, reader = reader, header = header, rejects_path = rejects,
    language = language, waiting = {}, size = FIRST_ROWS,
    rows = 0, refused = 0, created = 0, changed = 0, unchanged = 0, notes = {}, reasons = {}, hashes = {},
  }, Run)
end

-- A password is hashed here, outside the lane, only when the record is new, and once for each record.
local function prepare_passwords(run, given)
  local entity = entity_named(given.entity)
  for _, field in ipairs(entity.fields) do
    local password = field.type == "password" and given.set[field.name]
    if password then
      local token = json.encode { given.entity, given.key, password }
      if run.hashes[token] == nil then
        run.hashes[token] = not find(entity, given.key, nil) and { hash = passwords.hash(field.name, password) }
      end
      given.set[field.name] = run.hashes[token] or nil
    end
  end
end

local function mapped(run, cells)
  local row = {}
  if #cells ~= #run.header then
    fault(nil, "import.columns", { count = #cells, expected = #run.header })
  end
  for i, name in ipairs(run.header) do
    if not text.valid(cells[i]) then
      fault(name, "import.utf8")
    end
    row[name] = cells[i]
  end
  local notes = {}
  local made = run.mapping.record(row, function(code)
    notes[#notes + 1] = code
  end)
  local list = json.array {}
  for _, given in ipairs(made == nil and {} or made.entity and { made } or made) do
    given.set = given.set or {}
    if given.incomplete then
      given.set.incomplete = true
    end
    prepare_passwords(run, given)
    list[#list + 1] = { entity = given.entity, key = given.key, set = given.set }
  end
  return list, notes
end

function Run:refuse(line, cells, faults)
  self.refused = self.refused + 1
  if not self.rejects then
    local writer, why = csv.writer(self.rejects_path)
    self.rejects = writer or mistake("%s", why)
    local header = table.move(self.header, 1, #self.header, 4, { "line", "column", "reason" })
    self.rejects:row(header)
  end
  for _, one in ipairs(faults) do
    local column = one.field and (self.mapping.from[one.field] or one.field) or ""
    local reason = i18n.say(one.message, self.language)
    self.rejects:row(table.move(cells, 1, #cells, 4, { tostring(line), column, reason }))
    self.reasons[reason] = (self.reasons[reason] or 0) + 1
  end
end

function Run:count(counts, notes)
  self.created = self.created + counts.created
  self.changed = self.changed + counts.changed
  self.unchanged = self.unchanged + counts.unchanged
  for _, code in ipairs(notes) do
    self.notes[code] = (self.notes[code] or 0) + 1
  end
end

-- Sends the rows that the mapping took, and returns the results of those that there was time for.
function Run:send()
  local rows = json.array {}
  for _, row in ipairs(self.waiting) do
    rows[#rows + 1] = row.records and { line = row.line, records = row.records } or nil
  end
  if #rows == 0 then
    return {}
  end
  local answer = json.decode(task.lane("import.slice", json.encode {
    mapping = self.mapping.name, rows = rows,
  }))
  local done = #answer.results
  local fitting = done * SLICE_NS // math.max(answer.ns, 1)
  self.size = math.max(1, math.min(fitting, 2 * done, MOST_ROWS))
  return answer.results
end

-- Rows that the mapping refused wait with the others, so that the rejects stand in the order of the
-- file. What a slice had no time for goes on waiting.
function Run:flush()
  local results = self:send()
  local at, done = 0, 0
  for _, row in ipairs(self.waiting) do
    local result = row
    if row.records then
      at = at + 1
      result = results[at]
    end
    if not result then
      break
    elseif result.faults then
      self:refuse(row.line, row.cells, result.faults)
    else
      self:count(result.counts, row.notes)
    end
    done = done + 1
  end
  self.waiting = table.move(self.waiting, done + 1, #self.waiting, 1, {})
end

function Run:take(cells, line)
  self.rows = self.rows + 1
  local ok, list, notes = pcall(mapped, self, cells)
  local row = { line = line, cells = cells }
  if ok then
    row.records, row.notes = list, notes
  else
    row.faults = faults_of(list)
  end
  self.waiting[#self.waiting + 1] = row
  while #self.waiting >= self.size do
    self:flush()
  end
end

function Run:report()
  local report = {
    mapping = self.mapping.name, rows = self.rows, created = self.created, changed = self.changed, unchanged = self.unchanged,
    refused = self.refused, rejects = self.rejects and self.rejects_path or nil, notes = json.array {}, reasons = json.array {},
  }
  for code, count in maps.sorted(self.notes) do
    local words = self.mapping.notes[code]
    report.notes[#report.notes + 1] = { code = code, count = count, text = words and i18n.say(words, self.language) or code }
  end
  for reason, count in maps.sorted(self.reasons) do
    report.reasons[#report.reasons + 1] = { count = count, text = reason }
  end
  return report
end

--- Imports a file.
---@param name string of the mapping
---@param path string of the CSV file
---@param rejects string where refused rows go
---@param language string
---@param progress fun(rows: integer)|nil
---@return table report
function imports.run(name, path, rejects, language, progress)
  local mapping = imports.by_name[name]
  if not mapping then
    local names = {}
    for known in maps.sorted(imports.by_name) do
      names[#names + 1] = known
    end
    local values = { name = name, known = table.concat(names, ", ") }
    mistake("%s", i18n.say(i18n.text("import.no_mapping", values), language))
  end
  local run = start_run(mapping, path, rejects, language)
  while true do
    local cells, line = run.reader:next()
    if not cells then
      break
    end
    run:take(cells, line)
    if progress and run.rows % 500 == 0 then
      progress(run.rows)
    end
  end
  while #run.waiting > 0 do
    run:flush()
  end
  run.reader:close()
  if run.rejects then
    run.rejects:close()
  end
  return run:report()
end

--- The report in words.
---@param report table
---@param language string
---@return string
function imports.words(report, language)
  local function say(code, values)
    return i18n.say(i18n.text(code, values), language)
  end
  local lines = { say("import.summary", report) }
  for _, note in ipairs(report.notes) do
    lines[#lines + 1] = ("  %6d  %s"):format(note.count, note.text)
  end
  for _, reason in ipairs(report.reasons) do
    local words = say("import.refused", { reason = reason.text })
    lines[#lines + 1] = ("  %6d  %s"):format(reason.count, words)
  end
  if report.rejects then
    lines[#lines + 1] = "  " .. say("import.rejects", { path = report.rejects })
  end
  return table.concat(lines, "\n")
end

return imports
