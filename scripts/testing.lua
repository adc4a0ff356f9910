-- scripts/testing.lua: runs `*_test.lua` files in the home lane of a throw-away tenant; each test is undone after it.

local actor = require "people.actor"
local api = require "api"
local clock = require "core.clock"
local context = require "context"
local duration = require "duration"
local generation = require "core.generation"
local http = require "http"
local json = require "core.json"
local mistake = require "mistake"
local plugins = require "plugins"
local problem = require "problem"
local raised_words = require("raised").words
local store = require "core.store"
local task = require "core.task"

local testing = {}

local Expectation = {}
Expectation.__index = Expectation

local function show(value)
  return type(value) == "table" and not getmetatable(value) and json.encode(value) or tostring(value)
end

local function fail(text)
  error({ failed = true, text = text, where = debug.traceback(nil, 3):match("\n%s*(%S+_test%.lua:%d+)") }, 0)
end

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- The last answer of `request` that refused something.
local refusal

-- What a status that was not expected had to say.
local function why(status)
  local body = refusal and refusal.status == status and refusal.body
  if type(body) ~= "table" or not body.title then
    return ""
  end
  local words = { body.title, body.detail }
  for _, fault in ipairs(body.errors or {}) do
    words[#words + 1] = (fault.field and fault.field .. ": " or "") .. tostring(fault.message)
  end
  return ": " .. table.concat(words, "; ")
end

--- The value must equal `wanted`; tables are compared by content. A status that it is not is told
--- with its problem.
function Expectation:is(wanted)
  if not equal(self.value, wanted) then
    fail(("expected %s, got %s%s"):format(show(wanted), show(self.value), why(self.value)))
  end
end

function Expectation:is_not(unwanted)
  if equal(self.value, unwanted) then
    fail(("expected anything but %s"):format(show(unwanted)))
  end
end

function Expectation:is_nil()
  if self.value ~= nil then
    fail("expected nil, got " .. show(self.value))
  end
end

function Expectation:is_true()
  if self.value ~= true then
    fail("expected true, got " .. show(self.value))
  end
end

--- The text must hold `part`, or the list must hold the value.
function Expectation:has(part)
  local found = type(self.value) == "string" and self.value:find(part, 1, true)
  for _, one in ipairs(type(self.value) == "table" and self.value or {}) do
    found = found or equal(one, part)
  end
  if not found then
    fail(("expected %s to hold %s"):format(show(self.value), show(part)))
  end
end

--- The function must raise an error whose words hold `part` (or, given a number, a problem of that status).
function Expectation:fails(part)
  local ok, raised = pcall(self.value)
  if ok then
    fail("expected an error, and there was none")
  elseif type(part) == "number" then
    if not problem.is(raised) or raised.status ~= part then
      fail(("expected a problem of status %d, got %s"):format(part, tostring(raised)))
    end
  elseif part and not tostring(raised):find(part, 1, true) then
    fail(("expected an error that says %q, got %s"):format(part, tostring(raised)))
  end
end

local function expect(value)
  return setmetatable({ value = value }, Expectation)
end

-- A request through the whole framework, as the user of that login (nil: nobody), undone when it is refused.
local function request(login, method, target, body, headers)
  local path, query = target:match("^([^?]*)%??(.*)$")
  local ctx = context.current()
  local saved = { actor = ctx.actor, cause = ctx.cause }
  local given = login and (actor.by_login(login) or error("there is no user " .. login, 2)) or nil
  store.mark()
  local answer = http.respond({
    id = "test", method = method, path = path, query = query, host = "localhost", headers = headers or {},
    body = body and json.encode(body) or "", client = "127.0.0.1",
  }, given)
  if answer.status >= 400 then
    store.undo()
  else
    store.keep()
  end
  ctx.actor, ctx.cause, ctx.net = saved.actor, saved.cause, nil -- what was read before may have changed
  if answer.body ~= "" and (answer.headers["content-type"] or ""):find("json") then
    answer.text, answer.body = answer.body, json.decode(answer.body)
  end
  refusal = answer.status >= 400 and answer or nil
  return answer
end

-- The clock of the tests. It stands still once it was set, and each test begins with the machine's.
local virtual_clock = {}

local function moved()
  context.current().at = clock.now()
end

--- Sets the clock to an instant.
---@param text string RFC 3339
function virtual_clock.set(text)
  clock.set(clock.parse(text) or error(("%q is no time like 2026-11-24T08:00:00Z"):format(tostring(text)), 2))
  moved()
end

--- Moves the clock on by a duration such as "90d".
---@param text string
function virtual_clock.advance(text)
  clock.advance(duration.parse(text) or error(("%q is no duration; write for example 30m, 4h or 3d"):format(tostring(text)), 2))
  moved()
end

local function environment(path, tests)
  local extra = {
    clock = virtual_clock,
    mill = api.for_tests { name = "test", version = "0.0.0", folder = path },
    expect = expect, request = request, null = json.null,
    test = function(name, run)
      tests[#tests + 1] = { name = name, run = run }
    end,
    as = function(login, f)
      return context.as(actor.by_login(login) or error("there is no user " .. login, 2), nil, f)
    end,
  }
  if path:find("^tests/") then
    extra.require, extra.collectgarbage = require, collectgarbage
  end
  return plugins.environment(extra)
end

local function run_test(one)
  context.start(context.system, { kind = "test", id = one.name })
  refusal = nil
  store.mark()
  local ok, raised = xpcall(one.run, function(fault)
    return type(fault) == "string" and debug.traceback(fault, 2) or fault
  end)
  store.undo()
  clock.reset()
  if ok then
    return { name = one.name }
  end
  local words = type(raised) == "table" and raised.failed
    and ("%s: %s"):format(raised.where or "?", raised.text) or raised_words(raised)
  return { name = one.name, failure = words }
end

--- Runs one file, in the home lane.
---@param path string
---@return string JSON `[ { name, failure } ]`
function testing.file(path)
  local tests, results = {}, json.array {}
  context.start(context.system, { kind = "test", id = path })
  plugins.run_file(path, environment(path, tests))
  for i, one in ipairs(tests) do
    results[i] = run_test(one)
  end
  return json.encode(results)
end

--- Runs all files whose path holds `filter`.
---@param filter string|nil
---@param emit fun(text: string) a line for each test
---@return integer passed, integer failed
function testing.run(filter, emit)
  local passed, failed, files = 0, 0, 0
  for _, folder in ipairs { "tests/", "plugins/", "config/" } do
    for _, path in ipairs(generation.files(folder)) do
      if path:find("_test%.lua$") and path:find(filter or "", 1, true) then
        files = files + 1
        local ok, answer = pcall(task.lane, "test.file", path)
        for _, result in ipairs(ok and json.decode(answer) or { { name = path, failure = tostring(answer) } }) do
          passed, failed = passed + (result.failure and 0 or 1), failed + (result.failure and 1 or 0)
          emit(result.failure and ("FAIL %s: %s\n     %s"):format(path, result.name, result.failure) or ("ok   %s: %s"):format(path, result.name))
        end
      end
    end
  end
  if files == 0 then
    mistake("there is no file with tests whose path holds %q; they are called …_test.lua", filter
      or "")
  end
  return passed, failed
end

return testing
