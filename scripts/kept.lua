-- scripts/kept.lua: makes sure that a plugin keeps nothing from one request to the next but in records and in mill.cache.
--
-- A Lua state serves some requests and not others, and is dropped when its generation or its memory has had its day; what a
-- function left behind in a global or in a variable of its file would be there for some and not for others, across tenants
-- and actors. So each function that a declaration has, and each that it reaches, is read when everything is loaded: whether
-- one of its instructions writes to a global, to a variable from outside, or into a table that such a variable holds.
-- Functions that run only while the files are loaded may do all that.
--
-- Seen is what stands in the function itself: also through a local name, an inner function, a table inside the table, a loop
-- over it, and table.insert and its like. A table that is handed to another function, which writes into it, is not seen.

local bytecode = require "kept.bytecode"
local sandbox = require "core.sandbox"

local kept = {}

local op, parts = bytecode.op, bytecode.parts

-- What writes into a table that it is given: which argument that is.
local writers = {}

-- What goes through a table that it is given.
local walkers = { [pairs] = true, [ipairs] = true }

--- Tells which functions of plugins write into a table: name → function.
---@param functions table { insert = …, remove = …, sort = …, move = …, rawset = …, setmetatable = … }
function kept.know_writers(functions)
  for _, write in pairs(functions) do
    writers[write] = true
  end
  kept.move = functions.move
end

local where_to = "what must be remembered lies in records, or in mill.cache"

local function refuse(source, line, what)
  error(("%s:%d: %s from one request to the next: %s"):format(source, line, what, where_to), 0)
end

-- What is known of a register or an upvalue: `root` (the variable from outside, by which the table that it may hold is
-- kept), and `value` where it can be told.
local function looked_up(known, key)
  if not known then
    return nil
  end
  local value
  if type(known.value) == "table" and type(key) == "string" then
    value = rawget(known.value, key)
    if value == nil and not known.root then -- a library, or the globals
      local ok, found = pcall(function() return known.value[key] end)
      value = ok and found or nil
    end
  end
  if value == nil and not known.root then
    return nil
  end
  -- A number or a text in a kept table is nothing that could be written into.
  local root = (value == nil or type(value) == "table") and known.root or nil
  return { root = root, value = value }
end

-- A call that writes into a kept table, or goes through one.
local function look_at_call(reader, registers, a, b)
  local called = registers[a] and registers[a].value
  local first = registers[a + 1]
  if called ~= nil and writers[called] then
    if called == kept.move and b == 6 then
      first = registers[a + 5]
    end
    if first and first.root then
      reader.refuse(("%s is changed, and so kept"):format(first.root))
    elseif first and first.globals then
      reader.refuse "a global is set, and would be kept"
    end
  end
  return called ~= nil and walkers[called] and first and first.root and { root = first.root } or nil
end

local function clear(registers, from)
  for register in pairs(registers) do
    if register >= from then
      registers[register] = nil
    end
  end
end

local check_proto

-- Each looks at one instruction; `up` is what is known of the upvalues.
local look = {
  [op.MOVE] = function(_, registers, _, a, b) registers[a] = registers[b] end,
  [op.GETUPVAL] = function(_, registers, up, a, b) registers[a] = up[b] end,
  [op.SETUPVAL] = function(reader, _, up, _, b)
    if up[b] and up[b].name then
      reader.refuse(("%s is set, and so kept"):format(up[b].name))
    end
  end,
  [op.GETTABUP] = function(reader, registers, up, a, b, c)
    registers[a] = looked_up(up[b], reader.proto.constants[c + 1])
  end,
  [op.GETTABLE] = function(_, registers, _, a, b) registers[a] = looked_up(registers[b]) end,
  [op.GETI] = function(_, registers, _, a, b) registers[a] = looked_up(registers[b]) end,
  [op.GETFIELD] = function(reader, registers, _, a, b, c)
    registers[a] = looked_up(registers[b], reader.proto.constants[c + 1])
  end,
  [op.SELF] = function(reader, registers, _, a, b, c)
    local object = registers[b]
    registers[a], registers[a + 1] = looked_up(object, reader.proto.constants[c + 1]), object
  end,
  [op.SETTABUP] = function(reader, _, up, a, b)
    local known = up[a]
    local name = reader.proto.constants[b + 1]
    if known and known.globals then
      reader.refuse(("the global %s is set, and would be kept"):format(tostring(name)))
    elseif known and known.root then
      reader.refuse(("%s is changed, and so kept"):format(known.root))
    end
  end,
  [op.CALL] = function(reader, registers, _, a, b)
    local walked = look_at_call(reader, registers, a, b)
    clear(registers, a)
    registers[a + 1] = walked
  end,
  [op.TAILCALL] = function(reader, registers, _, a, b) look_at_call(reader, registers, a, b) end,
  [op.TFORPREP] = function(_, registers, _, a)
    local walked = registers[a + 1]
    clear(registers, a + 4)
    registers[a + 5] = walked
  end,
  [op.FORPREP] = function(_, registers, _, a) clear(registers, a) end,
  [op.LOADNIL] = function(_, registers, _, a, b)
    for register = a, a + b do
      registers[register] = nil
    end
  end,
  [op.VARARG] = function(_, registers, _, a) clear(registers, a) end,
  [op.CLOSURE] = function(reader, registers, up, a, _, _, bx)
    local inner, outer = reader.proto.protos[bx + 1], {}
    for i, upvalue in ipairs(inner.upvalues) do
      if not upvalue.in_stack then
        outer[i - 1] = up[upvalue.index]
      elseif registers[upvalue.index] then -- a local name for a kept table
        local known = registers[upvalue.index]
        outer[i - 1] = { root = known.root, value = known.value }
      end
    end
    registers[a] = nil
    check_proto(reader.source, inner, outer)
  end,
}

for _, set in ipairs { op.SETTABLE, op.SETI, op.SETFIELD } do
  look[set] = function(reader, registers, _, a)
    if registers[a] and registers[a].root then
      reader.refuse(("%s is changed, and so kept"):format(registers[a].root))
    elseif registers[a] and registers[a].globals then
      reader.refuse "a global is set, and would be kept"
    end
  end
end

-- These write no register; all that are not named here write A.
local quiet = {
  [op.CLOSE] = true, [op.TBC] = true, [op.JMP] = true, [op.RETURN] = true, [op.SETLIST] = true, [op.FORLOOP] = true,
  [op.TFORCALL] = true, [op.TFORLOOP] = true, [op.VARARGPREP] = true, [op.EXTRAARG] = true,
}
for _, range in ipairs { { op.MMBIN, op.MMBINK }, { op.EQ, op.TEST }, { op.RETURN, op.RETURN1 } } do
  for which = range[1], range[2] do
    quiet[which] = true
  end
end

function check_proto(source, proto, up)
  local registers, reader = {}, { source = source, proto = proto }
  local line
  function reader.refuse(what)
    refuse(source, line, what)
  end
  for pc, word in ipairs(proto.code) do
    local which, a, b, c, bx = parts(word)
    line = proto.lines[pc]
    if look[which] then
      look[which](reader, registers, up, a, b, c, bx)
    elseif not quiet[which] then
      registers[a] = nil
    end
  end
end

-- The source of a plugin's function; nil for all others.
local function source_of(f)
  local info = debug.getinfo(f, "S")
  local path = info.what ~= "C" and info.source:match("^@(.*)$")
  return path and not path:find("^scripts/") and path or nil
end

-- A coroutine, or what coroutine.wrap makes of one.
local function is_coroutine(value)
  if type(value) == "function" and debug.getinfo(value, "S").what == "C" then
    value = select(2, debug.getupvalue(value, 1))
  end
  return type(value) == "thread"
end

local visit

local function visit_function(f, seen)
  local source = source_of(f)
  if not source then
    return
  end
  local up, i = {}, 1
  while true do
    local name, value = debug.getupvalue(f, i)
    if not name then
      break
    end
    local globals = name == "_ENV" and debug.getmetatable(value) and debug.getmetatable(value).of_plugin
    up[i - 1] = { name = not globals and name or nil, value = value, globals = globals,
      root = not globals and type(value) == "table" and name or nil }
    if not globals then
      visit(value, seen, { source = source, line = debug.getinfo(f, "S").linedefined, name = name })
    end
    i = i + 1
  end
  check_proto(source, bytecode.read(sandbox.dump(f)), up)
end

-- `holder` is the variable by which a function has the value: its name, and where the function is; nil in a declaration.
function visit(value, seen, holder)
  if is_coroutine(value) then
    if not holder then
      error("what is declared is a coroutine: it goes on, and is so kept from one request to the next: " .. where_to, 0)
    end
    refuse(holder.source, holder.line, ("%s, a coroutine, goes on, and is so kept"):format(holder.name))
  elseif type(value) ~= "table" and type(value) ~= "function" or seen[value] then
    return
  end
  seen[value] = true
  if type(value) == "function" then
    visit_function(value, seen)
    return
  end
  for key, inner in next, value do
    visit(key, seen, holder)
    visit(inner, seen, holder)
  end
  visit(debug.getmetatable(value), seen, holder)
end

local declared, seen = {}, {}

--- Notes what a plugin declared, to be looked at when everything is loaded.
---@param spec table|nil
function kept.declared(spec)
  declared[#declared + 1] = spec
end

--- Looks at all that was declared since the last time. Raises an error with file and line for what would be kept.
---@param passed boolean|nil a state of the same generation has been looked at
function kept.finish(passed)
  local list = passed and {} or declared
  declared = {}
  for _, spec in ipairs(list) do
    visit(spec, seen)
  end
end

return kept
