-- plugins/lead/rules.lua: what must hold for a lead, and what happens to it, in the transaction in
-- which it happens.

-- The end of the time to accept a lead; without a time given, of that of the settings.
local function accept_by(within)
  return mill.after(within or mill.setting("lead_accept_within"))
end

local function channel_of(unit_id)
  local unit = unit_id and mill.db.unit:get(unit_id)
  return unit and unit.kind == "partner" and "partner" or "direct"
end

-- What the decision says, with the seat that it leads to; no seat means the pool.
local function routed(lead)
  local way = mill.decide("lead.route", lead)
  local seat = way.channel ~= "pool" and way.selector and mill.assign(way.selector, lead)
  return seat or nil, way.channel, way.accept_within
end

local function is_active(record)
  return record ~= nil and not record.archived_at
end

-- Whether somebody active fills a chair today, with a role and in a unit that are there still.
local function is_filled(seat)
  local today = mill.today()
  return is_active(seat) and is_active(mill.db.user:get(seat.holder))
    and is_active(mill.db.role:get(seat.role))
    and (not seat.unit or is_active(mill.db.unit:get(seat.unit)))
    and (seat.from or today) <= today and (seat.to or today) >= today
end

-- Whom the entry itself names; where nobody is there any more, the routing says.
local function named(lead)
  local seat = mill.db.position:get(lead.owner)
  if not is_filled(seat) then
    return routed(lead)
  end
  return seat, channel_of(seat.unit)
end

mill.rule "lead.owner_required" {
  title = { en = "An offered or accepted lead is with somebody", zh = "待接受或已接受的线索必须有归属岗位" },
  on = { "lead.created", "lead.changed" },
  invariant = true,
  run = function(lead)
    if not lead.owner and (lead.stage == "offered" or lead.stage == "accepted") then
      error(mill.problem {
        status = 422, field = "owner", code = "required",
        message = { en = "name the position that the lead is offered to", zh = "请指定线索分派给哪个岗位" },
      })
    end
  end,
}

mill.rule "lead.owner_is_there" {
  title = { en = "A lead is offered to somebody who is there", zh = "线索只能分派给在任的岗位" },
  on = "lead.changed",
  invariant = true,
  run = function(lead, before)
    local offered = lead.stage == "offered" and lead.owner
      and not (before.stage == "offered" and before.owner == lead.owner)
    if offered and not is_filled(mill.db.position:get(lead.owner)) then
      error(mill.problem {
        status = 422, field = "owner", code = "vacant",
        message = { en = "nobody fills this position today", zh = "该岗位目前无人任职" },
      })
    end
  end,
}

mill.rule "lead.pooled_is_free" {
  title = { en = "A lead leaves the pool by an offer", zh = "公海线索只能通过分派转出" },
  on = "lead.changed",
  invariant = true,
  run = function(lead, before)
    if before.stage == "pooled" and lead.stage == "pooled" and (lead.owner or lead.unit) then
      error(mill.problem {
        status = 422, field = lead.owner and "owner" or "unit", code = "pooled",
        message = { en = "offer the lead, to take it out of the pool", zh = "请通过分派将线索转出公海" },
      })
    end
  end,
}

mill.rule "lead.offer" {
  title = { en = "Offer a new lead to whoever should have it", zh = "新线索分派" },
  on = "lead.created",
  uses = { "lead.route" },
  run = function(lead)
    if lead.stage ~= "new" then
      return
    end
    local seat, channel, accept_within = (lead.owner and named or routed)(lead)

    if seat then
      mill.db.lead:move(lead, "offer", {
        channel = channel, unit = seat.unit, owner = seat.id,
        accept_by = accept_by(accept_within),
      })
    else
      mill.db.lead:move(lead, "pool")
    end
  end,
}

-- Who keeps the pool of a lead: its region, else headquarters. A text that is a partner's code
-- leads to no partner.
local function keeper_of(lead)
  local region = lead.region and mill.db.unit:find { code = lead.region, kind = "region" }
  return region or mill.db.unit:find { kind = "headquarters" }
end

mill.rule "lead.pool" {
  title = { en = "A lead in the pool belongs to nobody", zh = "公海中的线索不归任何人" },
  on = { "lead.created", "lead.changed" },
  run = function(lead, before)
    local pooled = lead.stage == "pooled"
    if pooled and not (before and before.stage == "pooled" and before.region == lead.region) then
      local keeper = keeper_of(lead)
      mill.db.lead:update(lead, {
        channel = "pool", pool = keeper and keeper.id or mill.null, unit = mill.null,
        owner = mill.null, accept_by = mill.null,
      })
    elseif lead.pool and not pooled then
      mill.db.lead:update(lead, { pool = mill.null })
    end
  end,
}

-- Who has a lead says who sees it: a partner from whom a lead is taken sees it no more.
mill.rule "lead.follows_owner" {
  title = { en = "A lead goes with its owner", zh = "线索随归属岗位变动" },
  on = { "lead.created", "lead.changed" },
  run = function(lead, before)
    local routed_now = not before and lead.version > 1 -- lead.offer has seen to it
    if not lead.owner or routed_now or (before and before.owner == lead.owner) then
      return
    end
    local unit = mill.db.position:get(lead.owner).unit
    local values = { unit = unit or mill.null, channel = channel_of(unit) }
    local same_limit = before and before.accept_by == lead.accept_by
    if lead.stage == "offered" and (same_limit or not lead.accept_by) then
      values.accept_by = accept_by()
    end
    mill.db.lead:update(lead, values)
  end,
}
