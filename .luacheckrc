-- What each part of the Lua may use: the framework all of Lua 5.4, plugins and packs what their sandbox gives
-- (scripts/plugins.lua), their tests a few words more (scripts/testing.lua).

std = "lua54"
max_line_length = 200

local library = function(names)
  local fields = {}
  for name in names:gmatch("%S+") do
    fields[name] = {}
  end
  return { fields = fields }
end

stds.sandbox = {
  read_globals = {
    "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "select",
    "setmetatable", "tonumber", "tostring", "type",
    coroutine = library "close create isyieldable resume running status wrap yield",
    string = library "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper",
    table = library "concat insert move pack remove sort unpack",
    math = library [[abs ceil cos exp floor fmod huge log max maxinteger min mininteger modf pi random sin
      sqrt tan tointeger type ult]],
    utf8 = library "char charpattern codepoint codes len offset",
  },
}
stds.mill = { read_globals = { "mill" } }
stds.tests = { read_globals = { "test", "expect", "request", "as", "null", clock = library "set advance" } }

exclude_files = { "**/node_modules", "build" }

-- Tables of texts and of decisions are read across.
files["scripts/texts.lua"] = { max_line_length = false }
files["plugins/*/i18n"] = { max_line_length = false }
files["plugins/*/decisions"] = { max_line_length = false }

files["plugins"] = { std = "sandbox+mill" }
files["plugins/*/tests"] = { std = "sandbox+mill+tests" }
files["config"] = { std = "sandbox+mill" }
files["tests/bench/client"] = { std = "sandbox+mill" }
files["config/clients/*/tests"] = { std = "sandbox+mill+tests" }
files["tests/scripts"] = { std = "sandbox+mill+tests", read_globals = { "require", "collectgarbage" } }
files["tests/bench"] = { std = "luajit", globals = { "wrk", "request", "done", "response" } }
files["tests/bench/client"] = { std = "sandbox+mill" }
