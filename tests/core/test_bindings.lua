-- tests/core/test_bindings.lua: the modules in C as Lua sees them. test_bindings.c runs each test in a state
-- of its own.

local test = ...

local clock = require "core.clock"
local csv = require "core.csv"
local decimal = require "core.decimal"
local hash = require "core.hash"
local id = require "core.id"
local json = require "core.json"
local log = require "core.log"
local text = require "core.text"

local function is(value, expected)
  if value ~= expected then
    error(("%s is not %s"):format(tostring(value), tostring(expected)), 2)
  end
end

local function fails(words, run, ...)
  local ok, err = pcall(run, ...)
  if ok or not tostring(err):find(words, 1, true) then
    error(("not the error `%s`: %s"):format(words, tostring(err)), 2)
  end
end

test("JSON comes in as Lua values", function()
  local value = json.decode '{"a":[1,2.5,"x",true,false,null,[]],"b":{}}'

  is(#value.a, 7)
  is(value.a[1], 1)
  is(math.type(value.a[1]), "integer")
  is(value.a[2], 2.5)
  is(value.a[3], "x")
  is(value.a[4], true)
  is(value.a[5], false)
  is(value.a[6], json.null)
  is(getmetatable(value.a), json.array_mt)
  is(getmetatable(value.a[7]), json.array_mt)
  is(getmetatable(value.b), nil)
  is(next(value.b), nil)
  is(json.decode "9223372036854775807", math.maxinteger)
  is(json.decode "-9223372036854775808", math.mininteger)
  is(json.decode "null", json.null)
end)

test("JSON that is none gives a fault and raises nothing", function()
  local function code(source)
    return select(2, json.decode(source)).code
  end
  local value, fault = json.decode "[1,\n2,}"

  is(value, nil)
  is(fault.code, "syntax")
  is(fault.line, 2)
  is(math.type(fault.column), "integer")
  is(type(fault.message), "string")
  is(code "", "empty")
  is(code '{"a":1,"a":2}', "duplicate")
  is(code(("["):rep(100000)), "depth")
  is(code("[" .. ("1,"):rep(100000) .. "1]"), "nodes")
  is(code '"\\u0000"', "nul")
  is(code '"\xff"', "utf8")
  is(code "99999999999999999999", "number")
end)

test("keys of objects stand in the order of their bytes", function()
  local many, names = {}, {}

  is(json.encode { b = 1, a = 2, B = 3, ab = 4, [""] = 5 }, '{"":5,"B":3,"a":2,"ab":4,"b":1}')
  for i = 1, 1000 do
    many["k" .. i * 7919 % 1000] = i
  end
  for name in json.encode(many):gmatch '"(k%d+)":' do
    names[#names + 1] = name
  end
  is(#names, 1000)
  for i = 2, #names do
    assert(names[i - 1] < names[i])
  end
end)

test("values are written as HTTP promises them", function()
  is(json.encode {}, "{}")
  is(json.encode(json.array {}), "[]")
  is(json.encode { 1, 2, 3 }, "[1,2,3]")
  is(json.encode { 1, json.null }, "[1,null]")
  is(json.encode { a = { b = { { c = "d" } } } }, '{"a":{"b":[{"c":"d"}]}}')
  is(json.encode(json.null), "null")
  is(json.encode(true), "true")
  is(json.encode(math.mininteger), "-9223372036854775808")
  is(json.encode(0.1), "0.1")
  is(json.encode(2.0), "2")
  is(json.encode '客户 "x"\n', '"客户 \\"x\\"\\n"')
  is(json.encode { data = json.raw "[1, 2]" }, '{"data":[1, 2]}')
  is(json.encode(decimal.new(1250, 2)), '"12.50"')
  is(json.encode { a = decimal.new(-5, 2, "CNY") }, '{"a":{"amount":"-0.05","currency":"CNY"}}')
end)

test("what is written reads back the same", function()
  local source = '{"a":[1,[],{},null,"\\u0001",1.5],"b":{"c":"\\ud83c\\udf0a"}}'
  local once = json.encode(json.decode(source))

  is(once, '{"a":[1,[],{},null,"\\u0001",1.5],"b":{"c":"🌊"}}')
  is(json.encode(json.decode(once)), once)
end)

test("a metatable says what its table is in JSON", function()
  local mt = { __tojson = function(value) return { is = value.x, json.encode { value.x } } end }
  local plain = { __tojson = function(value) return json.encode { value.x } end }
  local chain = { __tojson = function(value) return setmetatable({ x = value.x + 1 }, plain) end }
  local endless = {}
  endless.__tojson = function() return setmetatable({}, endless) end

  fails("both a list and named", json.encode, setmetatable({ x = 1 }, mt))
  is(json.encode { a = setmetatable({ x = 1 }, plain), b = 2 }, '{"a":"[1]","b":2}')
  is(json.encode { setmetatable({ x = 1 }, chain) }, '["[2]"]')
  fails("no end", json.encode, setmetatable({}, endless))
end)

test("writing survives what a metatable does to the table being written", function()
  local record = {}
  local thief = setmetatable({}, { __tojson = function()
    for key in pairs(record) do
      record[key] = nil
    end
    collectgarbage()
    return "gone"
  end })

  record.a = thief
  for i = 1, 50 do
    record["key-" .. i .. ("x"):rep(i)] = { i }
  end
  fails("JSON cannot hold a nil", json.encode, record)
  is(json.encode { 1 }, "[1]")
end)

test("an error in the midst of writing leaves nothing behind", function()
  local broken = setmetatable({}, { __tojson = function() error "no" end })

  for _ = 1, 3 do
    fails("no", json.encode, { a = "written before", b = broken })
    is(json.encode { a = 1 }, '{"a":1}')
  end
end)

test("what JSON cannot hold is an error that says so", function()
  local deep, fits = {}, {}
  for _ = 1, 64 do
    deep = { deep }
  end
  for _ = 1, 63 do
    fits = { fits }
  end
  local loop = {}
  loop[1] = loop

  fails("function", json.encode, { a = print })
  fails("nil", json.encode, nil)
  fails("finite", json.encode, 0 / 0)
  fails("finite", json.encode, math.huge)
  fails("UTF-8", json.encode, "\xff")
  fails("UTF-8", json.encode, { ["\xff"] = 1 })
  fails("both a list and named", json.encode, { 1, 2, a = 3 })
  fails("key of type number", json.encode, { [5] = 1 })
  fails("key of type boolean", json.encode, { [true] = 1 })
  fails("hole", json.encode, json.array { 1, nil, 3 })
  fails("deeper than 64", json.encode, deep)
  fails("deeper than 64", json.encode, loop)
  fails("userdata", json.encode, io.stdout)
  is(json.encode(fits), ("["):rep(63) .. "{}" .. ("]"):rep(63))
end)

test("decimals are read, written and told apart", function()
  local price = decimal.parse("12.50", 2)
  local money = decimal.parse("-0.05", 2, "CNY")

  is(tostring(price), "12.50")
  is(price:units(), 1250)
  is(price:scale(), 2)
  is(price:currency(), nil)
  is(tostring(money), "-0.05")
  is(money:currency(), "CNY")
  is(decimal.new(0, 2):is_zero(), true)
  is(price:is_zero(), false)
  is(decimal.is(price), true)
  is(decimal.is "12.50", false)
  is(getmetatable(price), "decimal")
  is(select(2, decimal.parse("1e3", 2)), "syntax")
  is(select(2, decimal.parse("1.005", 2)), "scale")
  is(select(2, decimal.parse(("9"):rep(30), 2)), "overflow")
  fails("three capital letters", decimal.parse, "1", 2, "yuan")
  fails("scale", decimal.new, 1, 19)
end)

test("decimals calculate exactly and among their own kind", function()
  local a, b = decimal.parse("0.10", 2, "USD"), decimal.parse("0.20", 2, "USD")
  local eur, plain, fine = decimal.new(10, 2, "EUR"), decimal.new(10, 2), decimal.new(10, 3, "USD")
  local most = decimal.new(math.maxinteger, 2)

  is(tostring(a + b), "0.30")
  is((a + b):currency(), "USD")
  is(tostring(a - b), "-0.10")
  is(tostring(-a), "-0.10")
  is(tostring(a * 3), "0.30")
  is(tostring(3 * a), "0.30")
  is(a < b, true)
  is(a <= a, true)
  is(a > b, false)
  is(a == decimal.new(10, 2, "USD"), true)
  is(a == b, false)
  is(a == eur, false)
  is(a == 10, false)
  for _, other in ipairs { eur, plain, fine, 1, "1" } do
    fails("decimal", function() return a + other end)
    fails("decimal", function() return a < other end)
  end
  fails("decimal", function() return a == plain end)
  fails("decimal", function() return a == fine end)
  fails("integer", function() return a * 1.5 end)
  fails("integer", function() return a * b end)
  fails("overflow", function() return most + decimal.new(1, 2) end)
  fails("overflow", function() return most * 2 end)
  fails("overflow", function() return -decimal.new(math.mininteger, 2) end)
end)

test("hashes are BLAKE2b", function()
  is(hash.hex(hash.blake2b "abc"),
    "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
  assert(hash.blake2b("abc", "key") ~= hash.blake2b "abc")
  fails("64 bytes", hash.blake2b, "abc", "")
  is(#hash.random(32), 32)
  assert(hash.random(32) ~= hash.random(32))
  is(hash.equal("same", "same"), true)
  is(hash.equal("same", "sane"), false)
  is(hash.equal("same", "longer"), false)
end)

-- RFC 4231, sections 4.2 to 4.8; the fifth is cut to 16 bytes there.
test("HMAC-SHA-256 is that of RFC 4231", function()
  local cases = {
    { ("\x0b"):rep(20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { ("\xaa"):rep(20), ("\xdd"):rep(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\16\17\18\19\20\21\22\23\24\25", ("\xcd"):rep(50),
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
    { ("\x0c"):rep(20), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b" },
    { ("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    { ("\xaa"):rep(131), "This is a test using a larger than block-size key and a larger than block-size data. "
      .. "The key needs to be hashed before being used by the HMAC algorithm.",
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
  }
  for _, case in ipairs(cases) do
    is(hash.hex(hash.hmac_sha256(case[1], case[2])):sub(1, #case[3]), case[3])
  end
  is(hash.hex(hash.hmac_sha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
  is(hash.hex(hash.sha256 "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
end)

test("base64 has padding, and one text for each value", function()
  is(hash.base64 "", "")
  is(hash.base64 "\xfb\xff\xfe\x00", "+//+AA==")
  is(hash.base64 "foobar", "Zm9vYmFy")
  for length = 0, 40 do
    local bytes = hash.random(length)
    is(hash.unbase64(hash.base64(bytes)), bytes)
  end
  for _, wrong in ipairs { "A", "AA", "AA=", "AB==", "A-8A", "AAAA=", "AA==AA==", "AA==\n", " AA==" } do
    is(hash.unbase64(wrong), nil)
  end
end)

test("base64url has one text for each value", function()
  is(hash.base64url "", "")
  is(hash.base64url "\xfb\xff\xfe\x00", "-__-AA")
  for length = 0, 40 do
    local bytes = hash.random(length)
    is(hash.unbase64url(hash.base64url(bytes)), bytes)
  end
  for _, wrong in ipairs { "A", "AB", "AA==", "A+8A", "AA AA", "AA\n", "AAAAA" } do
    is(hash.unbase64url(wrong), nil)
  end
  for byte = 0, 255 do
    local digit = string.char(byte)
    is(hash.unbase64url(digit .. "AAA") ~= nil, digit:find "^[%w_-]$" ~= nil)
  end
end)

test("a sealed value opens only unchanged and for its purpose", function()
  for _, plain in ipairs { "", "x", ("long "):rep(1000) } do
    local sealed = hash.seal(plain, "cursor")

    is(hash.open(sealed, "cursor"), plain)
    is(hash.open(sealed, "token"), nil)
    assert(hash.seal(plain, "cursor") ~= sealed)
    for at = 1, #sealed, 1 + #sealed // 50 do
      local other = sealed:sub(at, at) == "A" and "B" or "A"
      is(hash.open(sealed:sub(1, at - 1) .. other .. sealed:sub(at + 1), "cursor"), nil)
    end
    is(hash.open(sealed:sub(1, -2), "cursor"), nil)
    is(hash.open(sealed .. "A", "cursor"), nil)
  end
  is(hash.open("", "cursor"), nil)
  is(hash.open("not sealed at all", "cursor"), nil)
end)

test("ids grow inside and hide it outside", function()
  local first, second = id.new(), id.new()

  assert(first > 0 and second > first)
  is(id.open(id.seal(first)), first)
  is(#id.seal(first), 13)
  is(id.seal(1), "05axr8jqdxxx6")
  is(id.open "05AXR8JQDXXX6", nil)
  is(id.open "lead", nil)
  is(id.open "8c00m0dyw1jwr", nil) -- -1: no inner id
end)

test("texts are UTF-8 without NUL", function()
  is(text.valid "客户 🌊", true)
  is(text.valid "", true)
  for _, broken in ipairs { "\0", "a\0b", "\x80", "\xc0\x80", "\xc3", "\xed\xa0\x80", "\xe0\x9f\xbf",
    "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xe5\xae" } do
    is(text.valid(broken), false)
  end
  is(text.valid "\u{10ffff}\u{d7ff}\u{e000}", true)
  is(text.length "客户 🌊", 4)
  is(text.length "", 0)
end)

test("texts are lowered and normalized as Unicode says", function()
  is(text.lower "ÄÖÜ ΑΒΓ ABC", "äöü αβγ abc")
  is(text.lower "ΟΔΟΣ", "οδος")
  is(text.lower "İ", "i\u{307}")
  is(text.lower "客户 A", "客户 a")
  is(text.lower "", "")
  is(text.normalize "a\u{308}", "ä")
  is(text.normalize "\u{1100}\u{1161}", "가")
  is(text.normalize "\u{fb2c}", "\u{5e9}\u{5bc}\u{5c1}")
  is(text.normalize(("\u{1d160}"):rep(100)), ("\u{1d158}\u{1d165}\u{1d16e}"):rep(100))
  is(text.normalize "plain", "plain")
  is(text.normalize "客户", "客户")
  fails("UTF-8", text.lower, "\xff")
  fails("UTF-8", text.normalize, "\xff")
end)

test("instants and days", function()
  is(clock.format(0), "1970-01-01T00:00:00.000Z")
  is(clock.format(-1), "1969-12-31T23:59:59.999Z")
  is(clock.parse "1970-01-01T08:00:00.5+08:00", 500)
  is(clock.parse "yesterday", nil)
  is(clock.date "2026-11-23", true)
  is(clock.date "2026-02-29", nil)
  is(clock.today(clock.parse "2026-11-23T23:59:59-01:00"), "2026-11-24")
  is(clock.parse(clock.format(clock.now())) <= clock.now(), true)
  is(clock.mono() <= clock.mono(), true)
  fails("9999", clock.format, math.maxinteger)
end)

test("a virtual clock stands still until it is moved", function()
  local before = clock.mono()
  clock.set(1000)
  local stands = clock.mono()

  is(clock.now(), 1000)
  is(stands >= before, true)
  is(clock.mono(), stands)
  clock.advance(90 * 86400000)
  is(clock.now(), 1000 + 90 * 86400000)
  is(clock.mono(), stands + 90 * 86400000 * 1000000)
  clock.set(500)
  is(clock.now(), 500)
  is(clock.mono(), stands + 90 * 86400000 * 1000000)
  clock.reset()
  is(clock.now() > clock.parse "2026-01-01T00:00:00Z", true)
  is(clock.mono() >= stands + 90 * 86400000 * 1000000, true)
  clock.advance(0)
  is(clock.now(), clock.now())
  fails("does not go back", clock.advance, -1)
  fails("9999", clock.set, math.maxinteger)
  clock.advance(math.maxinteger)
  is(clock.format(clock.now()), "9999-12-31T23:59:59.999Z")
end)

test("a field of the log cannot forge a line", function()
  log.log("debug", "quiet", { ["a b\n=x"] = "one\ntwo", n = 1, f = 1.5, t = true, [7] = "no name" })
  log.log("debug", "two words")
  fails("invalid option", log.log, "loud", "event")
end)

test("CSV that is written reads back row by row", function()
  local path = os.tmpname()
  local writer = csv.writer(path)
  writer:row { "name", "note", "n", "empty" }
  writer:row { "客户", 'a "b", c\nd', 5, json.null }
  writer:close()
  fails("closed", writer.row, writer, {})

  local reader <close> = csv.open(path)
  local row, line = reader:next()
  is(table.concat(row, "|"), "name|note|n|empty")
  is(line, 1)
  row, line = reader:next()
  is(table.concat(row, "|"), '客户|a "b", c\nd|5|')
  is(line, 2)
  is(reader:next(), nil)
  reader:close()
  reader:close()
  fails("closed", reader.next, reader)
  os.remove(path)
end)

test("a fault in CSV names its line", function()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write 'a,b\n1,"2"x\n'
  file:close()

  local reader <close> = csv.open(path)
  reader:next()
  local ok, fault = pcall(reader.next, reader)
  is(ok, false)
  is(fault.csv, true)
  is(fault.line, 2)
  is(type(fault.message), "string")
  assert(tostring(fault):find("line 2: ", 1, true))
  os.remove(path)

  local none, message = csv.open "/nowhere/x.csv"
  is(none, nil)
  assert(message:find("/nowhere/x.csv", 1, true))
  none, message = csv.writer "/nowhere/x.csv"
  is(none, nil)
  assert(message:find("/nowhere/x.csv", 1, true))
end)
