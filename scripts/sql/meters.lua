-- scripts/sql/meters.lua: what was read through metered grants.

return {
  --- Parameters: user, name.
  last = [[SELECT count, began_at FROM metered_read WHERE "user" = ? AND meter = ? ORDER BY began_at DESC LIMIT 1]],
  keep = [[
    INSERT INTO metered_read ("user", meter, began_at, ends_at, count, most) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT ("user", meter, began_at) DO UPDATE
       SET ends_at = excluded.ends_at, count = excluded.count, most = excluded.most]],
  --- Parameter: since when a span must have been over.
  forget = "DELETE FROM metered_read WHERE ends_at <= ?",
  --- Parameters: what the last one of the page before had, its end twice and user and meter; how many.
  list = [[
    SELECT r."user", u.login, u.name, r.meter, r.count, r.most, r.began_at, r.ends_at
      FROM metered_read AS r LEFT JOIN "user" AS u ON u.id = r."user"
     WHERE (r.ends_at, r."user", r.meter, r.began_at) < (?, ?, ?, ?)
     ORDER BY r.ends_at DESC, r."user" DESC, r.meter DESC, r.began_at DESC LIMIT ?]],
}
