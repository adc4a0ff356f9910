-- scripts/entities/net.lua: what a unit of work has changed, and what it has read, as `context.current().net`.
--
-- The net change of each record is what rules look at. A change: entity, inner, before (nil when the record was made in
-- this unit), after, kinds (a set of created, changed, archived), done (the reactions that have run for it), unchecked
-- (since the invariants last held). A journal lets a reaction that failed be taken back. Nobody else writes while a
-- unit runs, so a record need not be read twice in it.

local context = require "context"

local net = {}

local function all_of(ctx)
  local all = ctx.net
  if not all then
    all = { list = {}, changes = {}, journal = {}, read = {} }
    ctx.net = all
  end
  return all
end

local function of_entity(list, entity)
  local own = list[entity]
  if not own then
    own = {}
    list[entity] = own
  end
  return own
end

--- Remembers a change.
---@param kind "created"|"changed"|"archived"
function net.note(ctx, entity, inner, kind, before, after)
  local all = all_of(ctx)
  local own = of_entity(all.changes, entity)
  local change = own[inner]
  if not change then
    change = { entity = entity, inner = inner, before = before, kinds = {}, done = {} }
    own[inner] = change
    all.list[#all.list + 1] = change
  end
  all.journal[#all.journal + 1] = {
    change = change, after = change.after, had_kind = change.kinds[kind], kind = kind, unchecked = change.unchecked,
  }
  change.kinds[kind] = true
  change.after = after
  change.unchecked = true
end

--- Remembers a record as it stood before this unit changed it.
function net.note_read(ctx, entity, inner, record)
  of_entity(all_of(ctx).read, entity)[inner] = record
end

--- The record as it stands for this unit, or nil when the unit has not met it yet.
---@return table|nil
function net.known(ctx, entity, inner)
  local all = ctx.net
  if not all then
    return nil
  end
  local changed, read = all.changes[entity], all.read[entity]
  local change = changed and changed[inner]
  return change and change.after or read and read[inner]
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
      all.changes[change.entity][change.inner] = nil
      all.list[#all.list] = nil
    end
    all.journal[i] = nil
  end
end

return net
