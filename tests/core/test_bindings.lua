-- tests/core/test_bindings.lua: the modules in C as Lua sees them. test_bindings.c runs each test in a state
-- of its own.

local test = ...

local clock = require "core.clock"
local csv = require "core.csv"
local decimal = require "core.decimal"
local fields = require "core.fields"
local hash = require "core.hash"
local id = require "core.id"
local json = require "core.json"
local language = require "core.language"
local log = require "core.log"
local text = require "core.text"
local zone = require "core.zone"

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

-- What a text comes to, in words: the value written anew, or the fault.
local function decoded(source)
  local value, fault = json.decode(source)
  return fault and fault.code or json.encode(value)
end

test("a plain text is read as any other: a long blank before it, and it takes the other way", function()
  local folder = (os.getenv "TM_TEST_DATA" or "tests/data") .. "/json/parsing/"
  local listed <close> = assert(io.popen("ls " .. folder))
  local blank, sources = (" "):rep(70000), {
    '{}', '{"a":{}}', '[]', '[[]]', '{"a":[1,-2,0,true,false,null,"x"],"客户":"客户"}', '{"a":1,"a":2}', '{"a":null,"a":null}',
    '{"a":-0}', '{"a":01}', '{"a":1e2}', '{"a":123456789012345678}', '{"a":1234567890123456789}', '{"a":"\\u00e9"}',
    '{"a":"\xff"}', '{"a":1}x', '{"a":1,}', '{"a" 1}', '{"a":tru}', '{1:2}', '"\n"', '-', '"', '{"', ' {"a" : [ 1 , 2 ] } ',
    ("[1,"):rep(70) .. "1" .. ("]"):rep(70), ("["):rep(9) .. ("]"):rep(9), "[" .. ("1,"):rep(63) .. "1]",
    "[" .. ("1,"):rep(64) .. "1]",
  }
  for name in listed:lines() do
    local file <close> = assert(io.open(folder .. name, "rb"))
    sources[#sources + 1] = file:read "a"
  end

  for _, source in ipairs(sources) do
    is(decoded(source), #source > 0 and decoded(blank .. source) or "empty")
  end
  is(#sources > 300, true)
end)

test("a shape writes what encode would", function()
  local names, values = {}, {}
  for i = 1, 40 do
    names[i] = "k" .. i * 7 % 41
    values[names[i]] = i % 3 > 0 and i or nil
  end
  local write = json.shape { "b", "a", "客", "d" }

  is(write {}, "{}")
  is(write { d = 1 }, '{"d":1}')
  is(write { a = json.null, b = { x = json.array {} }, ["客"] = "户", d = decimal.new(5, 1) },
    json.encode { a = json.null, b = { x = json.array {} }, ["客"] = "户", d = decimal.new(5, 1) })
  is(json.shape(names)(values), json.encode(values))
  fails("not valid UTF-8", write, { a = "\xff" })
  is(write { a = 1, unknown = 2 }, '{"a":1}')
end)

-- A field as scripts/entities/registry.lua makes it.
local function field(type_name, more)
  local made = more or {}
  made.name, made.type, made.kind = made.name or "f", type_name, made.kind or { max = 5 }
  made.columns = made.columns or { { at = made.at or 1 } }
  return made
end

local function read(one, value)
  local inner, code, number = fields.reader(one):read(value)
  return inner ~= nil and tostring(inner) or code and code .. " " .. number or "empty"
end

test("a field takes what its type says, and tells what is wrong", function()
  local choice = field("choice", { values_by_name = { a = {} } })
  local cases = {
    { field "text", " x ", "x" }, { field "text", "", "empty" }, { field "text", "  ", "empty" }, { field "text", "123456", "field.too_long 6" },
    { field("text", { max = 7 }), "123456", "123456" }, { field "text", "a\nb", "field.line 0" }, { field "text", 1, "field.text 0" },
    { field "text", "客户客户客", "客户客户客" }, { field("text", { lower = true }), "ÄB", "äb" },
    { field "long_text", " a\n", " a\n" }, { field "long_text", " \n ", "empty" },
    { field("email", { max = 20 }), "a@b.c", "a@b.c" }, { field "email", "a@b.", "field.email 4" }, { field "email", "a@.b", "field.email 4" },
    { field "email", "@b.c", "field.email 4" }, { field "email", "a@b@c", "field.email 5" }, { field "email", "a b.c", "field.email 5" },
    { field "email", "a@bc", "field.email 4" }, { field("email", { max = 20 }), "a@b.c.d", "a@b.c.d" },
    { field("phone", { max = 20 }), "+1 (5)-5.", "+1 (5)-5." }, { field "phone", "+", "field.phone 1" }, { field "phone", "1+", "field.phone 2" },
    { field("url", { max = 20 }), "https://x", "https://x" }, { field("url", { max = 20 }), "http://", "field.url 7" },
    { field("url", { max = 20 }), "http://a b", "field.url 10" }, { field("url", { max = 20 }), "ftp://x", "field.url 7" },
    { field("integer", { min = 0, max = 9 }), 9, "9" }, { field("integer", { min = 0, max = 9 }), 3.0, "3" },
    { field("integer", { kind = {} }), 2 ^ 53, "field.integer 0" }, { field("integer", { kind = {} }), 2 ^ 53 - 1, "9007199254740991" },
    { field("integer", { min = 0 }), -1, "field.min 0" }, { field("integer", { max = 9 }), 10, "field.max 0" },
    { field "integer", 1.5, "field.integer 0" }, { field "integer", "1", "field.integer 0" },
    { field "boolean", true, "1" }, { field "boolean", false, "0" }, { field "boolean", 1, "field.boolean 0" },
    { choice, "a", "a" }, { choice, "b", "field.choice 0" }, { choice, 1, "field.choice 0" },
    { field "date", "2026-02-28", "2026-02-28" }, { field "date", "2026-02-30", "field.date 0" },
    { field "timestamp", "2026-01-01T01:00:00+01:00", "1767225600000" }, { field "timestamp", "2026-01-01", "field.timestamp 0" },
    { field "reference", id.seal(77), "77" }, { field "reference", { id = id.seal(77) }, "77" }, { field "reference", "x", "field.reference 0" },
    { field "reference", {}, "field.reference 0" },
  }

  for i, case in ipairs(cases) do
    is(i .. " " .. read(case[1], case[2]), i .. " " .. case[3])
  end
end)

local function plan()
  return fields.plan {
    field("text", { name = "name", at = 1 }), field("boolean", { name = "open", at = 2 }),
    field("timestamp", { name = "due", at = 3 }), field("reference", { name = "unit", at = 4 }),
    field("state", { name = "stage", at = 5, values_by_name = { new = {} } }),
    field("text", { name = "pool", at = 6, write = "system" }),
    field("money", { name = "amount", columns = { { at = 7 }, { at = 8 } } }),
    field("password", { name = "secret", at = 9, kind = { secret = true } }),
  }
end

test("a plan takes what is good, and leaves the rest by name", function()
  local unit = id.seal(9)
  local function take(input, known, system, may_set_state)
    local columns, values, rest, references = plan():take(input, known, system, may_set_state)
    table.sort(rest or {}, function(a, b)
      return tostring(a) < tostring(b)
    end)
    return columns, values, rest and table.concat(rest, " "), references and table.concat(references, " ")
  end

  local columns, values, rest, references = take({
    name = " x", open = false, due = "2026-01-01T01:00:00+01:00", unit = { id = unit }, stage = "new", pool = "p", amount = {}, [2] = 2,
  }, true)
  is(columns[1], "x")
  is(columns[2], 0)
  is(columns[3], 1767225600000)
  is(columns[4], 9)
  is(columns[5], nil)
  is(values.name, "x")
  is(values.open, false)
  is(values.due, "2026-01-01T00:00:00.000Z")
  is(values.unit, unit)
  is(references, "unit")
  is(values.stage, nil)
  is(rest, "2 amount pool stage")

  columns, values, rest, references = take({ name = "", unit = json.null, stage = "new", pool = "p", due = "no" }, true, true, true)
  is(columns[1], nil)
  is(values.name, json.null)
  is(values.unit, json.null)
  is(references, nil)
  is(columns[5], "new")
  is(columns[6], "p")
  is(rest, "due")

  columns, values, rest = take({ name = "x", open = true }, { open = true })
  is(values.name, nil)
  is(values.open, true)
  is(columns[2], 1)
  is(rest, "name")
end)

test("a plan finds what a change differs in", function()
  local yen, more = decimal.new(5, 0, "JPY"), decimal.new(6, 0, "JPY")
  local before = { name = "a", open = true, amount = yen }
  local function difference(columns, values)
    local which, parameters, count, old, new = plan():difference(before, columns, values)
    return which, which and json.encode { parameters = json.array(parameters), count = count, old = old, new = new }
  end

  is(difference({}, {}), nil)
  is(difference({}, { name = "a", open = true, due = json.null, amount = decimal.new(5, 0, "JPY") }), nil)
  local one, told = difference({ "b" }, { name = "b" })
  is(told, '{"count":1,"new":{"name":"b"},"old":{"name":"a"},"parameters":["b"]}')
  local other
  other, told = difference({ [2] = 0, [7] = 6, [8] = "JPY" }, { open = false, amount = more })
  is(told, '{"count":3,"new":{"amount":{"amount":"6","currency":"JPY"},"open":false},'
    .. '"old":{"amount":{"amount":"5","currency":"JPY"},"open":true},"parameters":[0,6,"JPY"]}')
  is(one ~= other, true)
  is((difference({ "c" }, { name = "c" })), one)
  local _, parameters, count, old, new = plan():difference(before, {}, { name = json.null })
  is(parameters[1], nil)
  is(count, 1)
  is(old.name, "a")
  is(new.name, json.null)
  is(select(2, difference({ [9] = "hash" }, { secret = "set" })):find '"secret":"set"' ~= nil, true)
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
  -- A webhook as Standard Webhooks signs it.
  is(hash.base64(hash.hmac_sha256(hash.unbase64 "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}')), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
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

test("texts are folded, and brought together that only look different", function()
  is(text.fold "Straße ΟΔΟΣ", "strasse οδοσ")
  is(text.fold "ＡＢＣ", "ａｂｃ")
  is(text.normalize("ＡＢＣ １２ ﬁ ①", "nfkc"), "ABC 12 fi 1")
  is(text.normalize("（上海）有限公司", "nfkc"), "(上海)有限公司")
  is(text.normalize("ＡＢＣ", "nfc"), "ＡＢＣ")
  is(text.normalize("\u{fdfa}", "nfkc"), "صلى الله عليه وسلم")
  fails("invalid option", text.normalize, "x", "nfd")
  fails("UTF-8", text.fold, "\xff")
end)

-- Bringing n marks into order takes n * n steps: a name of 128 KB took 2.4 s.
test("marks without end do not take time without end", function()
  local mixed = "a" .. ("\u{301}\u{316}"):rep(100000)
  local normal = text.normalize(mixed)

  is(normal:find "\u{34f}" ~= nil, true)
  is(text.normalize(normal), normal)
  is(select(2, normal:gsub("\u{34f}", "")), 200000 // 30)
  is(text.normalize("e" .. ("\u{301}\u{316}"):rep(15)):find "\u{34f}", nil)
  is(#text.normalize(("\u{f73}"):rep(100000)) > 0, true) -- no mark itself, but becomes two
  is(#language.sort_key(mixed:sub(1, 60001), "zh") > 0, true)
  is(#language.pinyin(mixed:sub(1, 4001)) > 0, true)
end)

test("encodings are told by what the bytes look like", function()
  local function detects(bytes, name)
    is(text.detect(bytes), name)
  end
  detects("", "UTF-8")
  detects("name,客户\n", "UTF-8")
  detects("\xef\xbb\xbfname", "UTF-8")
  detects("\xff\xfen\0", "UTF-16LE")
  detects("\xfe\xff\0n", "UTF-16BE")
  detects("\xd5\xc5\xce\xb0,\xb9\xab\xcb\xbe\n", "GB18030") -- 张伟,公司
  detects(("name,\xc9\xcf\xba\xa3\xd3\xd0\xcf\xde\xb9\xab\xcb\xbe\n"):rep(50), "GB18030")
  detects("M\xfcller, Stra\xdfe 5, K\xf6ln, Gr\xfc\xdfe an alle", "ISO-8859-1")
  detects(("\x82\xb1\x82\xf1\x82\xc9\x82\xbf\x82\xcd\x81\x41\x90\xa2\x8a\x45\n"):rep(20), "Shift_JIS")
  is(select(2, text.detect "plain"), 100)
  is(select(2, text.detect "\xd5\xc5") < 100, true)
end)

test("other encodings become UTF-8, or nothing", function()
  is(text.decode("\xd5\xc5\xce\xb0", "gbk"), "张伟")
  is(text.decode("\x81\x30\x81\x30\xa2\xe3", "GB18030"), "\u{80}€")
  is(text.decode("\xff\xfe\x3d\xd8\x0a\xde", "UTF-16LE"), "😊")
  is(text.decode("\xfe\xff\x5b\xa2", "utf-16be"), "客")
  is(text.decode("K\xf6ln", "latin-1"), "Köln")
  is(text.decode("\x80", "windows-1252"), "€")
  is(text.decode("\xef\xbb\xbfx", "utf8"), "x")
  is(text.decode("", "Big5"), "")
  is(text.decode("\xff", "UTF-8"), nil)
  is(text.decode("\xd5", "GB18030"), nil)
  is(text.decode("\x3d\xd8", "UTF-16LE"), nil) -- half a pair
  is(text.decode("a\0", "ISO-8859-1"), nil)
  is(text.encoding "GB2312", "GB18030")
  is(text.encoding "UTF-7", nil)
  is(text.encoding "", nil)
  fails("no encoding", text.decode, "x", "ISO-2022-JP")
end)

test("Chinese is in the order of pinyin, English in that of its dictionaries", function()
  local function sorted(of, list)
    table.sort(list, function(a, b) return language.sort_key(a, of) < language.sort_key(b, of) end)
    return table.concat(list, " ")
  end

  is(sorted("zh", { "张", "李", "阿", "王", "重庆", "陈", "Zhang" }), "阿 陈 重庆 李 王 张 Zhang")
  is(sorted("en", { "éclair", "Zebra", "apple", "Éa", "zeal", "eclair" }), "apple Éa eclair éclair zeal Zebra")
  is(language.sort_key("", "en"), language.sort_key("", "en"))
  fails('"en" or "zh"', language.sort_key, "x", "fr")
  fails("65536", language.sort_key, ("x"):rep(65537), "zh")
  fails("UTF-8", language.sort_key, "\xff", "zh")
end)

test("words are found in Chinese too", function()
  is(table.concat(language.words("It's 3.5 o'clock, isn't it? ", "en"), "|"), "It's|3.5|o'clock|isn't|it")
  is(table.concat(language.words("上海有限公司，very good", "zh"), "|"), "上海|有限公司|very|good")
  is(#language.words("", "zh"), 0)
end)

test("pinyin is what people type to find a name", function()
  is(language.pinyin "张伟", "zhang wei")
  is(language.pinyin "上海 ABC（中国）3号", "shang hai abc(zhong guo)3 hao")
  is(language.pinyin "A張B", "a zhang b")
  is(language.pinyin "Müller Straße", "muller strasse")
  is(language.pinyin "女", "nu")
  is(language.pinyin "", "")
  is(language.pinyin "ひらがな", "ひらかな") -- only the mark goes
  fails("4096", language.pinyin, ("张"):rep(1366))
end)

test("numbers, days and times are written as people write them", function()
  is(language.number(1234567, "en"), "1,234,567")
  is(language.number("-1234.50", "zh"), "-1,234.50")
  is(language.number("9223372036854775807.123", "en"), "9,223,372,036,854,775,807.123")
  is(language.number("12.50", "en", "CNY"), "CN¥12.50")
  is(language.number("12.50", "zh", "CNY"), "¥12.50")
  is(language.number("12.50", "zh", "USD"), "US$12.50")
  is(language.day("2026-11-24", "en"), "Nov 24, 2026")
  is(language.day("2026-11-24", "en", "long"), "November 24, 2026")
  is(language.day("2026-11-24", "zh", "short"), "2026/11/24")
  is(language.day("1500-02-28", "zh", "long"), "1500年2月28日")
  is(language.instant(0, "zh", "Asia/Shanghai"), "1970年1月1日 08:00")
  is(language.instant(0, "en", "Asia/Shanghai"), "Jan 1, 1970, 8:00\u{202f}AM")
  fails("whole number", language.number, 1.5, "en")
  fails("no decimal", language.number, "1e9", "en")
  fails("three capital", language.number, "1", "en", "usd")
  fails("no day", language.day, "2026-02-29", "en")
  fails("time zone", language.instant, 0, "en", "Europe/Atlantis")
  fails("time zone", language.instant, 0, "en", "GMT+25")
end)

test("a zone knows its clocks, also where they are put back or forth", function()
  local shanghai, berlin = zone.open "Asia/Shanghai", zone.open "Europe/Berlin"
  local function at(of, shown)
    local ms, times = of:instant(clock.parse(shown .. "Z"))
    return clock.format(ms):sub(1, 19) .. " " .. times
  end

  is(shanghai:offset(clock.parse "2026-11-24T00:00:00Z"), 8 * 3600000)
  is(shanghai:offset(clock.parse "1988-07-01T00:00:00Z"), 9 * 3600000)
  is(berlin:offset(clock.parse "2026-03-29T00:59:59.999Z"), 3600000)
  is(berlin:offset(clock.parse "2026-03-29T01:00:00Z"), 7200000)
  is(at(shanghai, "2026-11-24T08:00:00"), "2026-11-24T00:00:00 once")
  is(at(berlin, "2026-03-29T01:59:59"), "2026-03-29T00:59:59 once")
  is(at(berlin, "2026-03-29T02:30:00"), "2026-03-29T01:30:00 never") -- 03:30 there
  is(at(berlin, "2026-03-29T03:00:00"), "2026-03-29T01:00:00 once")
  is(at(berlin, "2026-10-25T02:30:00"), "2026-10-25T00:30:00 twice")
  is(at(berlin, "2026-10-25T03:00:00"), "2026-10-25T02:00:00 once")
  is(zone.open "Europe/Atlantis", nil)
  is(zone.open "", nil)
  is(zone.open(("x"):rep(100)), nil)
  fails("9999", shanghai.offset, shanghai, math.maxinteger)
  fails("9999", shanghai.instant, shanghai, math.mininteger)
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
