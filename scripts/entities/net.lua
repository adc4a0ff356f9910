-- scripts/entities/net.lua: the net change of each record in a unit of work, for the rules.
--
-- A change: entity, inner, before (nil when the record was made in this unit), after, kinds (a set of created, changed,
-- archived), done (the reactions that have run for it), unchecked (since the invariants last held). A journal lets a
-- reaction that failed be taken back.

local context = require "context"

local net = {}

--- Remembers a change.
---@param kind "created"|"changed"|"archived"
function net.note(ctx, entity, inner, kind, before, after)
  local all = ctx.net
  if not all then
    all = { list = {}, by_key = {}, journal = {} }
    ctx.net = all
  end
  local key = entity.name .. inner
  local change = all.by_key[key]
  if not change then
    change = { key = key, entity = entity, inner = inner, before = before, kinds = {}, done = {} }
    all.by_key[key] = change
    all.list[#all.list + 1] = change
  end
  all.journal[#all.journal + 1] = {
    change = change, after = change.after, had_kind = change.kinds[kind], kind = kind, unchecked = change.unchecked,
  }
  change.kinds[kind] = true
  change.after = after
  change.unchecked = true
end

--- The record as this unit has left it, or nil when the unit has not changed it.
---@return table|nil
function net.after(ctx, entity, inner)
  local change = ctx.net and ctx.net.by_key[entity.name .. inner]
  return change and change.after
end

--- Where the journal stands; for net.take_back.
---@return integer
function net.mark()
  return #context.current().net.journal
end

--- Takes back what was noted since the mark, newest first.
function net.take_back(mark)
  local all = context.current().net
  for i = #all.journal, mark + 1, -1 do
    local noted = all.journal[i]
    local change = noted.change
    change.after, change.unchecked = noted.after, noted.unchecked
    change.kinds[noted.kind] = noted.had_kind
    if change.after == nil then
      all.by_key[change.key] = nil
      all.list[#all.list] = nil
    end
    all.journal[i] = nil
  end
end

return net
