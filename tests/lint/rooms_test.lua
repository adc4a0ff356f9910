-- tests/lint/rooms_test.lua: that tests/lint/rooms.lua sees what it must see, and nothing else.

local rooms = require "tests.lint.rooms"

local files = {
  ["core/base/buf.h"] = true, ["core/store/store.h"] = true, ["core/store/sqlite/driver.h"] = true,
  ["core/tidemill.h"] = true, ["scripts/entities/records.lua"] = true, ["scripts/sql.lua"] = true,
}
local function exists(path)
  return files[path] or false
end

-- { path, text, where the one fault is ("line: words of it"), or false for none }
local cases = {
  { "core/base/buf.c", '#include "base/buf.h"\n#include <string.h>\n', false },
  { "core/base/buf.c", '#include "buf.h"\n', false },
  { "core/base/buf.c", '\n#include "text/json.h"\n', "2: base may include base" },
  { "core/base/buf.c", '#include "tidemill.h"\n', "1: base may include base" },
  { "core/base/buf.c", "#include <uv.h>\n", "1: libuv" },
  { "core/text/json.c", "#include <jansson.h>\n#include <sodium.h>\n#include <unicode/ucol.h>\n#include <csv.h>\n", false },
  { "core/text/json.c", '#include "store/store.h"\n', "1: text may include base, text" },
  { "core/store/sqlite/conn.c", '#include "driver.h"\n#include "store/store.h"\n#include <sqlite3.h>\n', false },
  { "core/store/open.c", '#include "net/http_server.h"\n', "1: store may include" },
  { "core/net/http_parse.c", "#include <http_parser.h>\n", false },
  { "core/net/head.c", "#include <http_parser.h>\n", "1: which core/net/http_parse.c alone knows" },
  { "core/net/head.c", "  #  include <sqlite3.h>\n", "1: SQLite" },
  { "core/net/head.c", '#include "../sched/queue.h"\n', '1: without ".."' },
  { "core/sched/lane.c", '#include "store/store.h"\n', "1: sched may include base, sched" },
  { "core/sched/lane.c", "#include <uv.h>\n", false },
  { "core/script/state.c", '#include "net/http_server.h"\n#include "sched/queue.h"\n#include <lua.h>\n', false },
  { "core/script/bind.c", "#include <sodium.h>\n", "1: libsodium" },
  { "core/server.c", '#include "tidemill.h"\n#include "net/http_server.h"\n', false },
  { "core/server.c", "#include <lauxlib.h>\n", "1: Lua" },
  { "core/server.c", "#include <zstd.h>\n", "1: nobody has named" },
  { "core/mail/smtp.c", "int x;\n", "1: no room of the plan" },
  { "core/base/buf.c", '/* #include "net/x.h" */\n// #include <sqlite3.h>\n', false },

  { "core/base/buf.c", "/* one\n * of the customer\n */\n", "2: customer" },
  { "core/base/buf.c", "int partner_id;\n", "1: partner" },
  { "core/base/buf.c", "int leadCount;\n", "1: lead" },
  { "core/base/buf.c", 'f("x", "opportunity");\n', "1: opportunity" },
  { "core/base/buf.c", "/* this leads to a leader, misleading */ int leading;\n", false },
  { "scripts/sql.lua", "-- a lead, for example\nlocal x = 1\n", false },
  { "scripts/sql.lua", "local x = f.lead\n", "1: lead" },
  { "plugins/lead/rules.lua", 'mill.rule "lead.offer" {}\n', false },

  { "core/store/open.c", 'run("SELECT 1");\n', false },
  { "core/script/bind.c", 'run("SELECT 1");\n', "1: SQL text" },
  { "core/net/head.c", 'is(method, "DELETE") || is(method, "UPDATE");\n', false },
  { "scripts/sql/people.lua", 'return "DELETE FROM session"\n', false },
  { "scripts/entities/records.lua", 'local q = [[\n  INSERT INTO t VALUES (?)]]\n', "1: SQL text" },
  { "scripts/entities/records.lua", "-- SELECT is made elsewhere\nlocal q = 'CREATE TABLE x'\n", "2: SQL text" },
  { "scripts/sqlite.lua", 'local q = "UPDATE t SET x = 1"\n', "1: SQL text" },
  { "plugins/lead/actions.lua", 'local q = "DELETE FROM t"\n', "1: SQL text" },

  { "scripts/http/route.lua", 'local a, b = require "entities.records", require("core.store")\nlocal l = require "lpeg"\n', false },
  { "scripts/http/route.lua", 'local a = require "plugins.org.rules"\n', "1: scripts may require" },
  { "scripts/http/route.lua", 'local a = require("socket")\n', "1: scripts may require" },
  { "plugins/lead/rules.lua", 'local a = require "core.store"\n', "1: know only `mill`" },
  { "config/tidemill.lua", "\nlocal r = require\n", "2: know only `mill`" },

  { "plugins/lead/entities.lua", 'x { label = { en = "Lead", zh = "线索" }, f = { n = { zh = "x", en = "y" } } }\n', false },
  { "plugins/lead/entities.lua", 'x {\n  label = { en = "Lead" } }\n', "2: put `zh = …` beside it" },
  { "config/clients/demo/pack.lua", 'x = { ["zh"] = "线索" }\n', "1: put `en = …` beside it" },
  { "scripts/texts.lua", 'return { a = { en = f("x", { b = 1 }), zh = "x" }, b = { en = "x", { zh = "y" } } }\n', { "1:", "1:" } },
  { "plugins/lead/tests/route_test.lua", 'x = { en = "only" }\n', false },
}

local function matches(line, path, want)
  local number, text = want:match("^(%d+):%s*(.*)$")
  return line:find(path .. ":" .. number .. ": ", 1, true) == 1 and line:find(text, 1, true) ~= nil
end

local failed = 0
for number, case in ipairs(cases) do
  local path, text, want = table.unpack(case)
  local expected = not want and {} or type(want) == "table" and want or { want }
  local faults = rooms.check(path, text, exists)
  local good = #faults == #expected
  for at, line in ipairs(faults) do
    good = good and matches(line, path, expected[at])
  end
  if not good then
    failed = failed + 1
    print(("tests/lint/rooms_test.lua: case %d, %s: expected %s, got\n  %s"):format(number, path,
      #expected == 0 and "no fault" or table.concat(expected, " and "), table.concat(faults, "\n  ")))
  end
end
os.exit(failed == 0)
