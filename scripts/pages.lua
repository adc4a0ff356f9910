-- scripts/pages.lua: the files that plugins serve to browsers.
--
-- A file has two forms, plain and packed (gzip), each with an ETag of its own. The packed one is FILE.gz beside the file, or
-- made when a browser first asks for it. A part of a file (RFC 9110 section 14) is one of the plain form.

local generation = require "core.generation"
local gzip = require "core.gzip"
local hash = require "core.hash"
local i18n = require "i18n"
local misspelt = require "misspelt"
local problem = require "problem"

local pages = { by_path = {}, paths = {} }

local types = {
  html = "text/html; charset=utf-8", css = "text/css; charset=utf-8", js = "text/javascript; charset=utf-8",
  svg = "image/svg+xml", png = "image/png", ico = "image/x-icon", webmanifest = "application/manifest+json",
}

local packed_already = { png = true, ico = true }
local WORTH_PACKING = 1024 -- bytes: what is shorter fills one packet anyway

-- No inline script or style, nothing from elsewhere, no framing (CSP Level 3); no other site learns or takes anything.
local safety = {
  ["content-security-policy"] = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ["x-content-type-options"] = "nosniff", ["referrer-policy"] = "no-referrer",
  ["cross-origin-opener-policy"] = "same-origin", ["cross-origin-resource-policy"] = "same-origin",
}

-- Asked for again each time, mostly with 304 as the answer; or, for a file whose name changes with its content, never.
local ALWAYS_ASK, NEVER_ASK = "no-cache", "public, max-age=31536000, immutable"

local function form(kind, cache, etag, body, more)
  local headers = { ["content-type"] = kind, ["cache-control"] = cache, etag = etag }
  for name, value in pairs(safety) do
    headers[name] = value
  end
  for name, value in pairs(more) do
    headers[name] = value
  end
  return { headers = headers, body = body }
end

-- What lies packed beside a file must be that file: a build may have forgotten it.
local function packed_beside(path, file, body)
  local packed = generation.text(file .. ".gz")
  if packed and not gzip.is(packed, body) then
    error(("mill.page %s: %s.gz is not %s packed; pack it again, or remove it"):format(path, file, file), 0)
  end
  return packed
end

local page_keys = { file = true, immutable = true }

--- Declares a page: `mill.page "/" { file = "static/index.html" }`, a file in the plugin's folder.
---@param where string file and line of the declaration
function pages.declare(path, spec, plugin, where)
  if type(path) ~= "string" or path:sub(1, 1) ~= "/" or path:find("^/api/") then
    error(("mill.page %q: the path must begin with / and not with /api/"):format(tostring(path)), 0)
  elseif pages.by_path[path] then
    error(("mill.page %s is declared twice: by %s and by %s"):format(path, pages.by_path[path].plugin, plugin.name), 0)
  end
  misspelt.check_keys("mill.page " .. tostring(path), spec, page_keys, where)
  local file = plugin.folder .. "/" .. tostring(spec.file)
  local body = generation.text(file) or error(("mill.page %s: there is no file %s%s"):format(
    path, file, misspelt.hint(file, generation.files(plugin.folder .. "/"))), 0)
  local ending = file:match("%.(%w+)$") or ""
  local kind = types[ending] or error(("mill.page %s: what kind of file is %s? known are html, css, js, svg, png, ico, webmanifest"):format(path, file), 0)
  local packs = not packed_already[ending] and #body >= WORTH_PACKING
  local beside = packs and packed_beside(path, file, body)
  local cache = spec.immutable and NEVER_ASK or ALWAYS_ASK
  local tag = hash.hex(hash.blake2b(body)):sub(1, 24)
  local page = {
    plugin = plugin.name, packs = packs,
    plain = form(kind, cache, '"' .. tag .. '"', body, { ["accept-ranges"] = "bytes", vary = packs and "Accept-Encoding" or nil }),
    packed = packs and form(kind, cache, '"' .. tag .. '-gzip"', beside or nil, { vary = "Accept-Encoding", ["content-encoding"] = "gzip" }),
  }
  pages.by_path[path] = page
  pages.paths[#pages.paths + 1] = path
end

-- The form that the browser prefers.
local function choose(page, accepted)
  if not page.packs or not accepted or not gzip.wanted(accepted) then
    return page.plain
  end
  local packed = page.packed
  packed.body = packed.body or gzip.pack(page.plain.body)
  page.packs = packed.body ~= nil
  return packed.body and packed or page.plain
end

-- Whether one of the tags is that of a form; which of them the browser has, it may keep (RFC 9110 section 13.1.2).
local function has(page, tags)
  if tags == "*" then
    return page.plain
  end
  for tag in tags:gmatch('"[^"]*"') do
    for _, one in ipairs { page.plain, page.packed or page.plain } do
      if one.headers.etag == tag then
        return one
      end
    end
  end
  return nil
end

-- The bytes that one range names: first and last, false when there are none such, nil when it is to be passed over, as
-- are several at once (RFC 9110 section 14.2).
local function range_of(text, size)
  local first, last = text:match("^[Bb][Yy][Tt][Ee][Ss]=%s*(%d*)%-(%d*)%s*$")
  if not first or #first > 15 or #last > 15 or first == "" and last == "" then
    return nil
  elseif first == "" then
    local count = tonumber(last)
    return count > 0 and size > 0 and math.max(size - count, 0), size - 1
  end
  first, last = tonumber(first), last == "" and size - 1 or tonumber(last)
  if last < first and first < size then
    return nil
  end
  return first < size and first, math.min(last, size - 1)
end

local function part(page, first, last)
  local plain, headers = page.plain, {}
  for name, value in pairs(plain.headers) do
    headers[name] = value
  end
  headers["content-range"] = ("bytes %d-%d/%d"):format(first, last, #plain.body)
  return { status = 206, headers = headers, body = plain.body:sub(first + 1, last + 1) }
end

--- The answer for a path, or nil when no page is there.
function pages.answer(path, request)
  local page = pages.by_path[path]
  if not page then
    return nil
  end
  local asked = request.headers
  local known = asked["if-none-match"] and has(page, asked["if-none-match"])
  if known then
    return { status = 304, headers = known.headers, body = "" }
  end
  local condition = asked["if-range"]
  if asked.range and request.method == "GET" and (not condition or condition == page.plain.headers.etag) then
    local size = #page.plain.body
    local first, last = range_of(asked.range, size)
    if first then
      return part(page, first, last)
    elseif first == false then
      error(problem.new(416, "range", { headers = { ["content-range"] = "bytes */" .. size },
        detail = i18n.text("detail.range", { size = size }) }), 0)
    end
  end
  local chosen = choose(page, asked["accept-encoding"])
  return { status = 200, headers = chosen.headers, body = chosen.body }
end

return pages
