-- However deep they lie.
-- answer: error: mill takes plain tables
mill.db.victim:list {
  where = {
    ["name.in"] = setmetatable({}, {
      __index = function()
        while true do end
      end,
    }),
  },
}
