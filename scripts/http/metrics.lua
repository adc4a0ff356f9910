-- scripts/http/metrics.lua: /metrics, for whoever operates the server: from the machine itself, or as an administrator,
-- unless the server counts several companies together.

local context = require "context"
local metrics = require "core.metrics"
local problem = require "problem"

-- A proxy on this machine makes everybody look as if they were here; it says for whom it asks.
local function is_local(req)
  local is_loopback = req.client == "::1" or req.client:find("^127%.") ~= nil
  return is_loopback and not req.headers["x-forwarded-for"] and not req.headers.forwarded
end

local function answer(req)
  local actor = context.current().actor
  local may = actor and actor.roles.administrator and not metrics.shared()
  if not is_local(req) and not may then
    error(actor and problem.new(403, "forbidden") or problem.new(401, "unauthorized"), 0)
  end
  return { status = 200, headers = { ["content-type"] = "text/plain; version=0.0.4; charset=utf-8" }, body = metrics.text() }
end

return { { method = "GET", pattern = "/metrics", reads = true, run = answer } }
