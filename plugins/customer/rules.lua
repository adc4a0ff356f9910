-- plugins/customer/rules.lua: what must hold for customers.

local GENERATIONS = 20

mill.rule "customer.parent_is_another" {
  title = { en = "A customer is no subsidiary of itself", zh = "客户不能是自己的子公司" },
  on = { "customer.created", "customer.changed" },
  invariant = true,
  run = function(customer, before)
    if not customer.parent or (before and before.parent == customer.parent) then
      return
    end
    local above = customer.parent
    for _ = 1, GENERATIONS do
      if above == customer.id then
        error(mill.problem {
          status = 422, field = "parent", code = "circle",
          message = { en = "this makes the customer a subsidiary of itself", zh = "这会使客户成为自己的子公司" },
        })
      end
      local parent = mill.db.customer:get(above)
      above = parent and parent.parent
      if not above then
        return
      end
    end
    error(mill.problem {
      status = 422, field = "parent", code = "too_deep",
      message = { en = "groups of companies are at most 20 deep", zh = "集团层级最多 20 层" },
    })
  end,
}
