-- scripts/sql/decisions.lua: the record of each decision.

return {
  add = [[
    INSERT INTO decision (id, name, version, at, pos, txn, entity, record, facts, outcome, "row", explanation,
                          cause_kind, cause_id, generation)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]],
  --- Parameters: entity, record.
  of_record = [[
    SELECT id, name, version, at, pos, facts, outcome, "row", explanation FROM decision
     WHERE entity = ? AND record = ? ORDER BY id DESC LIMIT 200]],
}
