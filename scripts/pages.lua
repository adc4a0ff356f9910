-- scripts/pages.lua: the files that plugins serve to browsers.

local generation = require "core.generation"
local hash = require "core.hash"
local misspelt = require "misspelt"

local pages = { by_path = {}, paths = {} }

local types = {
  html = "text/html; charset=utf-8", css = "text/css; charset=utf-8", js = "text/javascript; charset=utf-8",
  svg = "image/svg+xml", png = "image/png", ico = "image/x-icon", webmanifest = "application/manifest+json",
}

-- No inline script or style, nothing from elsewhere, no framing (CSP Level 3).
local policy = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

local page_keys = { file = true }

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
  local kind = types[file:match("%.(%w+)$") or ""] or error(("mill.page %s: what kind of file is %s? known are html, css, js, svg, png, ico, webmanifest"):format(path, file), 0)
  pages.by_path[path] = {
    plugin = plugin.name, body = body,
    headers = {
      ["content-type"] = kind, etag = '"' .. hash.hex(hash.blake2b(body)):sub(1, 24) .. '"', ["cache-control"] = "no-cache",
      ["content-security-policy"] = policy, ["x-content-type-options"] = "nosniff", ["referrer-policy"] = "no-referrer",
    },
  }
  pages.paths[#pages.paths + 1] = path
end

--- The answer for a path, or nil when no page is there.
function pages.answer(path, request)
  local page = pages.by_path[path]
  if not page then
    return nil
  elseif request.headers["if-none-match"] == page.headers.etag then
    return { status = 304, headers = page.headers, body = "" }
  end
  return { status = 200, headers = page.headers, body = page.body }
end

return pages
