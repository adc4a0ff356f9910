-- scripts/kept/bytecode.lua: the instructions of a function, read from what Lua 5.4 writes (ldump.c), so that
-- scripts/kept.lua can look at what a function would do without running it.

local bytecode = {}

-- The only ones that need a name; the numbers are those of lopcodes.h.
bytecode.op = {
  MOVE = 0, LOADNIL = 8, GETUPVAL = 9, SETUPVAL = 10, GETTABUP = 11, GETTABLE = 12, GETI = 13, GETFIELD = 14, SETTABUP = 15,
  SETTABLE = 16, SETI = 17, SETFIELD = 18, SELF = 20, MMBIN = 46, MMBINK = 48, CLOSE = 54, TBC = 55, JMP = 56, EQ = 57,
  TEST = 66, CALL = 68, TAILCALL = 69, RETURN = 70, RETURN1 = 72, FORLOOP = 73, FORPREP = 74, TFORPREP = 75, TFORCALL = 76,
  TFORLOOP = 77, SETLIST = 78, CLOSURE = 79, VARARG = 80, VARARGPREP = 81, EXTRAARG = 82,
}

local HEADER = "\27Lua\x54\0\x19\x93\r\n\x1a\n\4\8\8"
local HEADER_SIZE = #HEADER + 8 + 8 + 1 -- and two numbers, and how many upvalues there are

-- Reads `text` from `at` on; each method moves on.
local Reader = {}
Reader.__index = Reader

function Reader:byte()
  self.at = self.at + 1
  return self.text:byte(self.at - 1)
end

-- Seven bits a byte, the highest first; the last one has its top bit set.
function Reader:int()
  local value = 0
  while true do
    local byte = self:byte()
    value = value << 7 | byte & 0x7f
    if byte >= 0x80 then
      return value
    end
  end
end

function Reader:string()
  local size = self:int()
  if size == 0 then
    return nil
  end
  local from = self.at
  self.at = from + size - 1
  return self.text:sub(from, self.at - 1)
end

function Reader:list(read)
  local list = {}
  for i = 1, self:int() do
    list[i] = read(self)
  end
  return list
end

local function code(reader)
  local word
  word, reader.at = string.unpack("<I4", reader.text, reader.at)
  return word
end

-- Texts are what is looked up by; of other constants only their place counts.
local function constant(reader)
  local kind = reader:byte()
  if kind == 0x03 or kind == 0x13 then
    reader.at = reader.at + 8
  elseif kind == 0x04 or kind == 0x14 then
    return reader:string()
  end
  return false
end

local function upvalue(reader)
  local one = { in_stack = reader:byte() ~= 0, index = reader:byte() }
  reader:byte()
  return one
end

local function signed_byte(reader)
  local byte = reader:byte()
  return byte < 0x80 and byte or byte - 0x100
end

local function place(reader)
  return { pc = reader:int(), line = reader:int() }
end

local function variable(reader)
  reader:string()
  reader:int()
  reader:int()
  return true
end

-- Lines are differences from instruction to instruction, and now and then (-128) one that is said in full.
local function lines_of(first, differences, said)
  local lines, line, i = {}, first, 1
  for pc, difference in ipairs(differences) do
    if difference == -128 then
      line, i = said[i].line, i + 1
    else
      line = line + difference
    end
    lines[pc] = line
  end
  return lines
end

local function proto(reader)
  reader:string()
  local line = reader:int()
  reader:int()
  reader.at = reader.at + 3
  local made = { code = reader:list(code), constants = reader:list(constant), upvalues = reader:list(upvalue) }
  made.protos = reader:list(proto)
  made.lines = lines_of(line, reader:list(signed_byte), reader:list(place))
  reader:list(variable)
  reader:list(reader.string)
  return made
end

--- The function's `code` (words), `constants` (texts, or false), `upvalues` ({ in_stack, index }), `lines` and inner `protos`.
---@param dumped string what core.sandbox.dump wrote
---@return table
function bytecode.read(dumped)
  if dumped:sub(1, #HEADER) ~= HEADER then
    error("this Lua writes functions in a form that is not known", 0)
  end
  return proto(setmetatable({ text = dumped, at = HEADER_SIZE + 1 }, Reader))
end

--- The parts of an instruction: which, A, B, C, and Bx.
---@param word integer
function bytecode.parts(word)
  return word & 0x7f, word >> 7 & 0xff, word >> 16 & 0xff, word >> 24 & 0xff, word >> 15
end

return bytecode
