-- scripts/http/generation.lua: which generations there have been, building one from the files, and returning to an earlier
-- one. For administrators. The control thread keeps the list and does the work (core/generations.h); a request waits for it on
-- its worker, in the generation in which it began.

local context = require "context"
local i18n = require "i18n"
local json = require "core.json"
local maps = require "maps"
local problem = require "problem"
local request = require "http.request"
local task = require "core.task"

-- Why the control thread did not even try.
local reasons = {
  unknown = { 404, "not_found", "generation.unknown" }, ambiguous = { 409, "conflict", "generation.ambiguous" },
  refused = { 409, "conflict", "generation.refused" }, gone = { 409, "conflict", "generation.gone" },
  version = { 409, "conflict", "generation.version" },
}

local function ask(order)
  local answer = json.decode(task.control(json.encode(order)))
  local reason = reasons[answer.error]
  if reason then
    error(problem.new(reason[1], reason[2], { detail = i18n.text(reason[3]) }), 0)
  elseif answer.error then -- too many wait, or the server is stopping
    error(problem.new(503, "busy", { headers = { ["retry-after"] = "1" } }), 0)
  end
  return answer
end

local function administrator()
  local actor = context.current().actor
  if not (actor and actor.roles.administrator) then
    error(problem.new(403, "forbidden"), 0)
  end
  return actor.login
end

local function shown(entry)
  for _, name in ipairs { "hash", "by", "text", "file", "line" } do
    entry[name] = entry[name] == nil and json.null or entry[name]
  end
  return entry
end

local function answer(body)
  return { status = 200, headers = { ["content-type"] = "application/json" }, body = json.encode(body) }
end

-- What an attempt came to; one that was refused is a problem with the loader's own words, and the place that they name.
local function outcome(entry)
  if entry.result == "refused" then
    error(problem.new(422, "generation", {
      detail = i18n.text "generation.serves_on", file = entry.file, line = entry.line,
      errors = { { code = "refused", message = { en = entry.text, zh = entry.text } } },
    }), 0)
  end
  return answer { data = shown(entry) }
end

local function list(req)
  request.no_question(req)
  administrator()
  local found = ask { ["do"] = "list" }
  for _, entry in ipairs(found.data) do
    shown(entry)
  end
  return answer(found)
end

-- Nothing is taken: neither a question nor, in a body, names.
local function nothing_besides(req)
  request.no_question(req)
  local names, faults = {}, {}
  for name in maps.sorted(req.body ~= "" and request.body(req) or {}) do
    names[#names + 1] = name
  end
  problem.unknown_names(faults, "generation", names, "-")
  if #faults > 0 then
    problem.raise(422, faults)
  end
end

local function build(req)
  nothing_besides(req)
  return outcome(ask { ["do"] = "build", by = administrator() })
end

local function activate(req, arguments)
  nothing_besides(req)
  return outcome(ask { ["do"] = "activate", hash = arguments[1], by = administrator() })
end

return {
  { method = "GET", pattern = "/api/v1/generation", reads = true, run = list },
  { method = "POST", pattern = "/api/v1/generation", here = true, run = build },
  { method = "POST", pattern = "/api/v1/generation/{hash}/activate", here = true, run = activate },
}
