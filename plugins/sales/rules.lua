-- plugins/sales/rules.lua: what must hold for opportunities, and what follows from their moves.

local function customer_needed()
  error(mill.problem {
    status = 422, field = "customer", code = "required",
    message = { en = "an opportunity needs a customer from engaging on", zh = "从接洽阶段起，商机必须有客户" },
  })
end

-- An opportunity that came in by an import without its customer is kept as it is and marked; it
-- cannot be moved on.
mill.rule "opportunity.customer_required" {
  title = { en = "A customer is needed from engaging on", zh = "从接洽阶段起必须有客户" },
  on = { "opportunity.created", "opportunity.changed" },
  invariant = true,
  run = function(opportunity, before)
    if opportunity.customer or opportunity.stage == "prospecting" then
      return
    end
    local stays = not before or before.stage == opportunity.stage
    if not (opportunity.incomplete and stays) then
      customer_needed()
    end
  end,
}

mill.rule "opportunity.completed" {
  title = { en = "With its customer an opportunity is complete", zh = "补上客户后商机即完整" },
  on = { "opportunity.created", "opportunity.changed" },
  run = function(opportunity)
    if opportunity.incomplete and opportunity.customer then
      mill.db.opportunity:update(opportunity, { incomplete = false })
    end
  end,
}

mill.rule "opportunity.unit_of_owner" {
  title = { en = "An opportunity belongs to the unit of its owner", zh = "商机归属其负责岗位所在单元" },
  on = { "opportunity.created", "opportunity.changed" },
  run = function(opportunity, before)
    if not opportunity.owner or (before and before.owner == opportunity.owner) then
      return
    end
    local unit = mill.db.position:get(opportunity.owner).unit
    if unit and unit ~= opportunity.unit then
      mill.db.opportunity:update(opportunity, { unit = unit })
    end
  end,
}

-- The day on which a move was made, where nobody gave another one.
mill.rule "opportunity.dates" {
  title = { en = "Moves set their dates", zh = "阶段变化时记录日期" },
  on = "opportunity.changed",
  run = function(opportunity, before)
    local stage = opportunity.stage
    if stage == before.stage then
      return
    end
    local closed = stage == "won" or stage == "lost"
    if stage == "engaging" and not opportunity.engaged_on then
      mill.db.opportunity:update(opportunity, { engaged_on = mill.today() })
    elseif closed and not opportunity.closed_on then
      mill.db.opportunity:update(opportunity, { closed_on = mill.today() })
    end
    if stage == "engaging" and opportunity.closed_on then
      mill.db.opportunity:update(opportunity, { closed_on = mill.null })
    end
  end,
}
