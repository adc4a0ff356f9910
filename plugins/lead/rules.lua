-- plugins/lead/rules.lua: what happens to a lead, in the transaction in which it happens.

-- Time to accept a lead that whoever entered it gave to somebody by name.
local NAMED_ACCEPT_WITHIN = "24h"

local function channel_of(unit)
  return unit and unit.kind == "partner" and "partner" or "direct"
end

-- What the decision says, with the seat that it leads to; no seat means the pool.
local function routed(lead)
  local way = mill.decide("lead.route", lead)
  local seat = way.channel ~= "pool" and way.selector and mill.assign(way.selector, lead)
  return seat or nil, way.channel, way.accept_within
end

-- Whom the entry itself names.
local function named(lead)
  local seat = mill.db.position:get(lead.owner)
  return seat, channel_of(seat.unit and mill.db.unit:get(seat.unit)), NAMED_ACCEPT_WITHIN
end

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
        accept_by = mill.after(accept_within or NAMED_ACCEPT_WITHIN),
      })
    else
      local pooled = mill.db.lead:move(lead, "pool")
      mill.db.lead:update(pooled, { channel = "pool", unit = mill.null })
    end
  end,
}

mill.rule "lead.into_pool" {
  title = { en = "A lead in the pool belongs to nobody", zh = "公海中的线索不归任何人" },
  on = "lead.changed",
  run = function(lead, before)
    if lead.stage == "pooled" and before.stage ~= "pooled" then
      mill.db.lead:update(lead, {
        channel = "pool", unit = mill.null, owner = mill.null, accept_by = mill.null,
      })
    end
  end,
}
