-- tests/lint/reference.lua: `mill` in three places: what scripts/api.lua gives to plugins, what scripts/types/mill.lua tells
-- editors, and what docs/plugin-api.md tells people. They must name the same things; and the properties of declarations
-- must be those that the framework takes.
--
--   lua5.4 tests/lint/reference.lua     in the repo's root
--
-- As a module (tests/lint/reference_test.lua) it returns the parts.

local reference = {}

-- Where the framework says which properties a declaration may have: class of the stub → file, table.
local properties = {
  ["mill.Manifest"] = { "scripts/plugins.lua", "manifest_keys" },
  ["mill.Pack"] = { "scripts/plugins.lua", "pack_keys" },
  ["mill.Entity"] = { "scripts/entities/registry.lua", "entity_keys" },
  ["mill.Field"] = { "scripts/entities/registry.lua", "field_keys" },
  ["mill.Grant"] = { "scripts/access/policies.lua", "grant_keys" },
  ["mill.Rule"] = { "scripts/rules.lua", "rule_keys" },
  ["mill.Decision"] = { "scripts/decisions.lua", "decision_keys" },
  ["mill.Action"] = { "scripts/actions.lua", "action_keys" },
  ["mill.Cache"] = { "scripts/cache.lua", "cache_keys" },
  ["mill.Mapping"] = { "scripts/imports.lua", "mapping_keys" },
}

-- Classes of the stub that the reference describes in words.
local in_words = { ["mill"] = true, ["mill.Text"] = true, ["mill.Record"] = true }

-- Loads a file of scripts/ on its own: whatever it requires is there and does nothing.
local function load_alone(text, name)
  local nothing = setmetatable({}, { __index = function() return function() return {} end end })
  local env = setmetatable({ require = function() return nothing end }, { __index = _G })
  return assert(load(text, name, "t", env))()
end

-- What a frozen table of scripts/api.lua shows.
local function inside(frozen)
  return debug.getmetatable(frozen).__index
end

--- What plugins get, as the names that headings of the reference have: "mill.entity", "Records:get".
---@param text string of scripts/api.lua
function reference.offered(text)
  local api, names = load_alone(text, "@scripts/api.lua"), {}
  local mill = inside(api.for_plugin({ name = "p" }, function() return "" end))
  for name in pairs(mill) do
    names["mill." .. name] = true
  end
  names["mill.text"] = nil -- the parts have names of their own
  for name in pairs(inside(mill.text)) do
    names["mill.text." .. name] = true
  end
  for name in pairs(inside(mill.db.anything)) do
    names["Records:" .. name] = true
  end
  names["Db:as"] = type(mill.db.as) == "function" or nil
  return names
end

--- The stub: functions (name → its parameters, as one text) and classes (name → set of fields).
---@param text string of scripts/types/mill.lua
function reference.stub(text)
  local functions, classes, last = {}, {}, nil
  for line in text:gmatch "[^\n]+" do
    local name, parameters = line:match "^function ([%w_.:]+)%((.-)%) end$"
    local field = line:match "^%-%-%-@field ([%a_][%w_]*)"
    if name then
      functions[name] = parameters
    elseif line:find "^%-%-%-@class" then
      last = line:match "^%-%-%-@class ([%w.]+)"
      classes[last] = {}
    elseif field then
      classes[last][field] = true
    end
  end
  for name in pairs(classes.mill or {}) do
    functions["mill." .. name] = ""
  end
  return functions, classes
end

local function add_row(set, cell)
  for name in cell:gmatch "`([%w_]+)`" do
    set[name] = true
  end
end

--- The reference: headings (name → its parameters), classes (name → set of fields), and the field types.
---@param text string of docs/plugin-api.md
function reference.told(text)
  local headings, classes, types, set = {}, {}, {}, nil
  for line in text:gmatch "[^\n]*" do
    local heading = line:match "^### `(.-)`$"
    local cell = line:match "^|(.-)|"
    if heading then
      local name, parameters = heading:match "^([%w_.:]+)%((.-)%)$"
      if not name then
        name, parameters = heading:match '^([%w_.]+) "(.-)"'
      end
      name = (name or heading):gsub("^mill%.db%.ENTITY:", "Records:"):gsub(
        "^mill%.db:", "Db:"):gsub("^amount:", "Amount:")
      headings[name] = parameters or ""
    elseif not cell then
      set = nil
    elseif cell:find "^ `mill%.%w+` $" then
      set = {}
      classes[cell:match "`(.-)`"] = set
    elseif cell == " type " then
      set = types
    elseif set then
      add_row(set, cell)
    end
  end
  return headings, classes, types
end

--- The names of a table such as `local rule_keys = { title = true, … }`.
function reference.keys(text, name)
  local body, keys = text:match("local " .. name .. " = (%b{})"), {}
  for key in (body or ""):gmatch "([%a_][%w_]*) = true" do
    keys[key] = true
  end
  return keys
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- A fault for each name that stands in one set only.
function reference.compare(faults, a, place_a, b, place_b, what)
  for _, name in ipairs(sorted(a)) do
    if b[name] == nil then
      faults[#faults + 1] = ("%s: it lacks %s%s, which %s has"):format(place_b, what, name, place_a)
    end
  end
  for _, name in ipairs(sorted(b)) do
    if a[name] == nil then
      faults[#faults + 1] = ("%s: it lacks %s%s, which %s has"):format(place_a, what, name, place_b)
    end
  end
  return faults
end

local function compare_parameters(faults, a, place_a, b, place_b)
  for _, name in ipairs(sorted(a)) do
    if b[name] and a[name] ~= b[name] then
      faults[#faults + 1] = ("%s: %s(%s) is %s(%s) in %s"):format(place_b, name, b[name], name, a[name], place_a)
    end
  end
end

local API, STUB, GUIDE = "scripts/api.lua", "scripts/types/mill.lua", "docs/plugin-api.md"

--- All faults.
---@param read fun(path: string): string
---@return string[]
function reference.check(read)
  local faults, without_amounts = {}, {}
  local functions, classes = reference.stub(read(STUB))
  local headings, tables, types = reference.told(read(GUIDE))
  for name in pairs(functions) do
    without_amounts[name] = not name:find "^Amount:" or nil
  end

  reference.compare(faults, reference.offered(read(API)), API, without_amounts, STUB, "")
  reference.compare(faults, functions, STUB, headings, GUIDE, "")
  compare_parameters(faults, functions, STUB, headings, GUIDE)
  for _, class in ipairs(sorted(classes)) do
    if not in_words[class] and next(classes[class]) then
      reference.compare(faults, classes[class], STUB, tables[class] or {}, GUIDE, class .. ".")
    end
  end
  for _, class in ipairs(sorted(properties)) do
    local file, name = table.unpack(properties[class])
    reference.compare(faults, reference.keys(read(file), name), file, classes[class] or {}, STUB, class .. ".")
  end
  local known = load_alone(read "scripts/entities/types.lua", "@scripts/entities/types.lua")
  known.id = nil -- the framework's own; a declaration that has it is refused
  return reference.compare(faults, known, "scripts/entities/types.lua", types, GUIDE, "the type ")
end

local function main()
  local faults = reference.check(function(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
  end)
  for _, fault in ipairs(faults) do
    print(fault)
  end
  os.exit(#faults == 0)
end

if arg and arg[0] and arg[0]:find "reference%.lua$" then
  main()
end
return reference
