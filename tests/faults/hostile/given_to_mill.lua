-- The framework does not run a plugin's metamethods.
-- answer: error: mill takes plain tables
mill.db.victim:update(record, setmetatable({}, {
  __pairs = function()
    while true do end
  end,
}))
