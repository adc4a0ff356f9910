-- scripts/seeds.lua: what a client pack brings with it is imported at the first start of a tenant.

local clock = require "core.clock"
local imports = require "imports"
local plugins = require "plugins"
local schema_sql = require "sql.schema"
local store = require "core.store"
local task = require "core.task"

local seeds = {}

-- Left before the first seed of a pack that brings logins with a known password, which stay when the pack goes.
local DEMO_LOGINS = "demo_logins"

local function mark_of(pack)
  return "seed:" .. pack.name
end

--- Imports the seeds of packs that have none yet. Returns the reports.
---@param root string the folder that holds config/
---@param rejects string the folder for rejects files
---@param language string of the reports
---@param tell fun(text: string)
---@return table[]
function seeds.run(root, rejects, language, tell)
  local reports = {}
  for _, pack in ipairs(plugins.list) do
    if pack.seed and #store.query(schema_sql.tenant_value, mark_of(pack)) == 0 then
      if pack.demo_logins then
        task.lane("seed.done", DEMO_LOGINS)
      end
      for _, seed in ipairs(pack.seed) do
        local path = ("%s/%s/%s"):format(root, pack.folder, seed[2])
        local refused = ("%s/%s.rejects.csv"):format(rejects, seed[1])
        local report = imports.run(seed[1], path, refused, language)
        reports[#reports + 1] = report
        tell(imports.words(report, language))
      end
      task.lane("seed.done", mark_of(pack))
    end
  end
  return reports
end

--- Whether every pack's seeds are in.
---@return boolean
function seeds.all_in()
  for _, pack in ipairs(plugins.list) do
    if pack.seed and #store.query(schema_sql.tenant_value, mark_of(pack)) == 0 then
      return false
    end
  end
  return true
end

--- Whether the data has logins with a known password, also of a pack that is loaded no more.
function seeds.has_demo_logins()
  return #store.query(schema_sql.tenant_value, DEMO_LOGINS) > 0
end

--- Remembers that a pack's seeds are in, or that demo logins come with them; in the home lane.
function seeds.done(mark)
  store.run(schema_sql.set_tenant_value, mark, store.blob(clock.format(clock.now())))
  return ""
end

return seeds
