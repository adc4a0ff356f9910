-- tests/lint/rooms.lua: the borders between the rooms (docs/architecture.md), as `make lint` holds them.
--
--   lua5.4 tests/lint/rooms.lua       checks core/, scripts/, plugins/ and config/; run in the repo's root
--
-- A fault is one line "file:line: what is wrong; what would be right". As a module (tests/lint/rooms_test.lua) it
-- returns `check(path, text, exists)`, which knows the disk only by `exists(path)`.

local tokens = require "tests.lint.tokens"

local rooms = {}

-- Which rooms of core/ a room may include, and which libraries (perhaps one file of the room alone). `core` stands for
-- the files of core/ itself.
local may_include = {
  base = { base = true },
  text = { text = true, base = true },
  store = { store = true, base = true, text = true },
  net = { net = true, base = true, text = true },
  sched = { sched = true, base = true },
  script = { script = true, base = true, text = true, store = true, net = true, sched = true },
  core = { core = true, base = true, text = true, store = true, net = true, sched = true, script = true },
}

local libraries = {
  { "^uv%.h$", "libuv", { store = true, net = true, sched = true, script = true, core = true } },
  { "^http_parser%.h$", "http-parser", { net = true }, "core/net/http_parse.c" },
  { "^curl/", "libcurl", { net = true } },
  { "^sqlite3%.h$", "SQLite", { store = true } },
  { "^libpq%-fe%.h$", "libpq", { store = true } },
  { "^lua%.h$", "Lua", { script = true } },
  { "^lualib%.h$", "Lua", { script = true } },
  { "^lauxlib%.h$", "Lua", { script = true } },
  { "^lua%-lpeg%.h$", "LPeg", { script = true } },
  { "^jansson%.h$", "jansson", { text = true } },
  { "^csv%.h$", "libcsv", { text = true } },
  { "^xlsxwriter%.h$", "libxlsxwriter", { text = true } },
  { "^unicode/", "ICU", { text = true } },
  { "^sodium%.h$", "libsodium", { text = true } },
  { "^zlib%.h$", "zlib", { text = true } },
}

local libc = {}
for name in ([[
  assert complex ctype dirent dlfcn endian errno execinfo fcntl fenv float fnmatch ftw getopt glob grp inttypes
  libgen limits locale malloc math netdb poll pthread pwd sched semaphore setjmp signal spawn stdalign stdarg
  stdatomic stdbool stddef stdint stdio stdio_ext stdlib string strings sysexits syslog termios threads time
  unistd wchar wctype]]):gmatch("%S+") do
  libc[name .. ".h"] = true
end

-- What a business calls things. In core/ they are wrong anywhere; scripts/ may need them in a comment's example.
local business = {
  lead = true, customer = true, customers = true, partner = true, partners = true, opportunity = true,
  opportunities = true,
}
local scripts_business = { lead = true, customer = true, customers = true, opportunity = true, opportunities = true }

local function fault(faults, path, line, text, ...)
  faults[#faults + 1] = ("%s:%d: %s"):format(path, line, text:format(...))
end

-- The words of an identifier or a sentence: customer_id and CustomerId both hold "customer".
local function words(text)
  return text:gsub("(%l)(%u)", "%1 %2"):lower():gmatch("%a+")
end

local function check_words(faults, path, list, names, kinds, place)
  for _, token in ipairs(list) do
    if kinds[token.kind] then
      local line = token.line
      for part in (token.text .. "\n"):gmatch("(.-)\n") do
        for word in words(part) do
          if names[word] then
            fault(faults, path, line, '"%s" is a business word; %s knows records, not what they mean: say it without', word,
              place)
          end
        end
        line = line + 1
      end
    end
  end
end

local statements = {
  "%f[%w_]SELECT%f[^%w_]", "%f[%w_]INSERT%s+INTO%f[%W]", "%f[%w_]INSERT%s+OR%f[%W]", "%f[%w_]UPDATE%s+[%w_\"%%]",
  "%f[%w_]DELETE%s+FROM%f[%W]", "%f[%w_]CREATE%s+%u",
}

local function check_sql(faults, path, list)
  if path:find("^core/store/") or path:find("^scripts/sql[/.]") then
    return
  end
  for _, token in ipairs(list) do
    if token.kind == "string" then
      for _, pattern in ipairs(statements) do
        local found = token.text:match(pattern)
        if found then
          fault(faults, path, token.line,
            'SQL text ("%s…"); SQL is made in scripts/sql and core/store only: move the statement there', found)
          break
        end
      end
    end
  end
end

local function list_of(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

local function check_include(faults, path, room, line, name, quoted, exists)
  if quoted then
    if name:find("..", 1, true) then
      fault(faults, path, line, 'includes "%s"; name it from core/ on, without ".."', name)
      return
    end
    local target = name:match("^(%w+)/")
    if not target then
      target = exists(path:match("^(.*/)") .. name) and room or "core"
    end
    if not may_include[target] then
      fault(faults, path, line, 'includes "%s", of no room that is known; the rooms are %s', name, list_of(may_include))
    elseif not may_include[room][target] then
      fault(faults, path, line, '%s includes "%s"; %s may include %s', room, name, room, list_of(may_include[room]))
    end
    return
  end

  if libc[name] or name:find("^sys/") or name:find("^netinet/") or name:find("^arpa/") or name:find("^linux/") then
    return
  end
  for _, library in ipairs(libraries) do
    local pattern, title, allowed, only = table.unpack(library)
    if name:find(pattern) then
      if not allowed[room] then
        fault(faults, path, line, "%s includes %s (<%s>); only %s may: use what that room offers", room, title, name,
          list_of(allowed))
      elseif only and path ~= only then
        fault(faults, path, line, "includes %s (<%s>), which %s alone knows: use what its header offers", title, name, only)
      end
      return
    end
  end
  fault(faults, path, line, "includes <%s>, a library that nobody has named; " ..
    "add it to docs/architecture.md with its reason and to tests/lint/rooms.lua", name)
end

local function check_c(faults, path, text, exists)
  local room = path:match("^core/(%w+)/") or "core"
  local list = tokens.c(text)

  if not may_include[room] then
    fault(faults, path, 1, "core/%s is no room of the plan; the rooms are %s", room, list_of(may_include))
    return
  end
  for _, token in ipairs(list) do
    if token.kind == "include" then
      check_include(faults, path, room, token.line, token.text, token.quoted, exists)
    end
  end
  check_words(faults, path, list, business, { comment = true, name = true, string = true, include = true }, "core/")
  check_sql(faults, path, list)
end

-- Calls list[at] is the name `require`: what it asks for, as text, or nil when that is computed.
local function required(list, at)
  local after = list[at + 1]
  if after and after.text == "(" and after.kind == "symbol" then
    after = list[at + 2]
  end
  return after and after.kind == "string" and after.text or nil
end

local function check_require(faults, path, list, exists)
  for at, token in ipairs(list) do
    local before = list[at - 1]
    if token.kind == "name" and token.text == "require" and not (before and before.text == ".") then
      if not path:find("^scripts/") then
        fault(faults, path, token.line,
          "require; plugins and packs know only `mill` and what their manifest names in `needs`")
      else
        local name = required(list, at)
        local file = name and "scripts/" .. name:gsub("%.", "/")
        if name and name ~= "lpeg" and not name:find("^core%.[%w_]+$") and not exists(file .. ".lua")
          and not exists(file .. "/init.lua") then
          fault(faults, path, token.line, 'requires "%s"; scripts may require files of scripts/, core.* and lpeg', name)
        end
      end
    end
  end
end

-- Each table that has a text in one language must have it in the other.
local function check_languages(faults, path, list)
  local open = {}
  for at, token in ipairs(list) do
    local text = token.kind == "symbol" and token.text
    if text == "{" or text == "(" or text == "[" then
      open[#open + 1] = { symbol = text, keys = {} }
    elseif text == "}" or text == ")" or text == "]" then
      local closed = table.remove(open)
      if closed then
        for have, want in pairs { en = "zh", zh = "en" } do
          if closed.keys[have] and not closed.keys[want] then
            fault(faults, path, closed.keys[have], "a text in %s alone; put `%s = …` beside it", have, want)
          end
        end
      end
    elseif text == "=" and #open > 0 and open[#open].symbol == "{" then
      local key, before = list[at - 1], list[at - 2]
      if key.text == "]" and before and before.kind == "string" then
        key, before = before, list[at - 4]
      end
      if key.kind ~= "symbol" and before and (before.text == "{" or before.text == "," or before.text == ";") then
        open[#open].keys[key.text] = key.line
      end
    end
  end
end

local function check_lua(faults, path, text, exists)
  local list = tokens.lua(text)
  local code = {}
  for _, token in ipairs(list) do
    if token.kind ~= "comment" then
      code[#code + 1] = token
    end
  end

  check_require(faults, path, code, exists)
  check_sql(faults, path, code)
  if not path:find("/tests/") and not path:find("^scripts/types/") then
    check_languages(faults, path, code)
  end
  if path:find("^scripts/") and not path:find("^scripts/types/") then
    check_words(faults, path, code, scripts_business, { name = true, string = true }, "scripts/")
  end
end

--- The faults of one file.
---@param path string from the repo's root
---@param text string
---@param exists fun(path: string): boolean
---@return string[]
function rooms.check(path, text, exists)
  local faults = {}
  if path:find("^core/.*%.[ch]$") then
    check_c(faults, path, text, exists)
  elseif path:find("%.lua$") then
    check_lua(faults, path, text, exists)
  end
  return faults
end

local function main()
  local paths, known = {}, {}
  local find = assert(io.popen("find core scripts plugins config -type f \\( -name '*.[ch]' -o -name '*.lua' \\) | LC_ALL=C sort"))
  for path in find:lines() do
    paths[#paths + 1], known[path] = path, true
  end
  find:close()

  local count = 0
  for _, path in ipairs(paths) do
    local file <close> = assert(io.open(path, "rb"))
    for _, line in ipairs(rooms.check(path, file:read("a"), function(name) return known[name] or false end)) do
      print(line)
      count = count + 1
    end
  end
  if #paths == 0 then
    print("tests/lint/rooms.lua:1: nothing to check here; run it in the repo's root")
    count = 1
  end
  os.exit(count == 0)
end

if arg and arg[0] and arg[0]:find("rooms%.lua$") then
  main()
end
return rooms
