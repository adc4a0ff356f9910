-- plugins/org/rules.lua: what must hold for the organisation.

local LEVELS = 20

local function refuse(code, message)
  error(mill.problem { status = 422, field = "parent", code = code, message = message })
end

mill.rule "unit.parent_is_another" {
  title = { en = "A unit is no part of itself", zh = "组织单元不能隶属于自身" },
  on = { "unit.created", "unit.changed" },
  invariant = true,
  run = function(unit, before)
    if not unit.parent or (before and before.parent == unit.parent) then
      return
    end
    local above = unit.parent
    for _ = 2, LEVELS do
      if above == unit.id then
        refuse("circle", { en = "this makes the unit a part of itself", zh = "这会使组织单元隶属于自身" })
      end
      local parent = mill.db.unit:get(above)
      above = parent and parent.parent
      if not above then
        return
      end
    end
    refuse("too_deep", { en = "units are at most 20 deep", zh = "组织层级最多 20 层" })
  end,
}
