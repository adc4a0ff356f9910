// tests/support/probe.mjs: a plugin for tests whose one entity has a field of each type there is. Administrators may do everything,
// headquarters reads all but `secret_note`.

export const probe = {
  'plugin.lua': `return {
  name = "probe", version = "1.0.0", api = 1, title = { en = "Probe", zh = "探针" }, needs = { org = "^1.0", customer = "^1.0" },
}
`,
  'entities.lua': `
local function label(en) return { en = en, zh = en } end

mill.entity "probe" {
  label = { en = "Probe", zh = "探针" },
  key = "name",
  fields = {
    { "name", "text", required = true, max = 40, label = label "Name" },
    { "title", "text", max = 10, label = label "Title" },
    { "code", "text", lower = true, label = label "Code" },
    { "note", "long_text", max = 4000000, label = label "Note" },
    { "mail", "email", label = label "Mail" },
    { "call", "phone", label = label "Call" },
    { "site", "url", label = label "Site" },
    { "number", "integer", min = -1000, max = 1000, label = label "Number" },
    { "large", "integer", label = label "Large" },
    { "rate", "decimal", scale = 3, label = label "Rate" },
    { "price", "money", label = label "Price" },
    { "fee", "money", min = 0, label = label "Fee" },
    { "flag", "boolean", label = label "Flag" },
    { "day", "date", label = label "Day" },
    { "moment", "timestamp", label = label "Moment" },
    { "colour", "choice", label = label "Colour", values = {
      { "red", en = "Red", zh = "红" }, { "green", en = "Green", zh = "绿" }, { "blue", en = "Blue", zh = "蓝" } } },
    { "customer", "reference", to = "customer", label = label "Customer" },
    { "above", "reference", to = "probe", label = label "Above" },
    { "key", "password", label = label "Key" },
    { "secret_note", "text", label = label "Secret note" },
    { "computed", "integer", write = "system", label = label "Computed" },
    { "stage", "state", label = label "Stage" },
  },
}

mill.lifecycle "probe" {
  initial = "open",
  states = { { "open", en = "Open", zh = "打开" }, { "busy", en = "Busy", zh = "忙" }, { "shut", en = "Shut", zh = "关闭" } },
  moves = {
    take = { from = "open", to = "busy", sets = { "number", "mail" }, label = label "Take" },
    shut = { from = { "open", "busy" }, to = "shut", label = label "Shut" },
  },
}
`,
  'access.lua': `
mill.access "probe" {
  { role = "administrator", allow = "all" },
  { role = "headquarters", allow = { "read" }, fields = {
    "name", "title", "code", "number", "rate", "price", "flag", "day", "moment", "colour", "customer", "above", "stage" } },
}
`,
  'actions.lua': `
mill.action "probe.double" {
  title = { en = "Double", zh = "加倍" },
  run = function(record, body)
    local times = body.times or 2
    if type(times) ~= "number" then
      error(mill.problem { field = "times", message = { en = "a number is needed", zh = "需要数字" } })
    end
    return mill.db.probe:update(record, { number = (record.number or 0) * times })
  end,
}
`,
};
