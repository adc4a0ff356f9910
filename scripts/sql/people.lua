-- scripts/sql/people.lua: who acts, and where in the organisation.

local people = {}

-- The chairs that a user fills today, with their units and roles: a row each, or one row without a chair.
local chairs = [[
  SELECT u.id, u.login, u.name, p.id, p.unit, r.code, u.unit, %s
    FROM %s JOIN "user" AS u ON u.id = %s
    LEFT JOIN position AS p ON p.holder = u.id AND p.archived_at IS NULL
         AND (p."from" IS NULL OR p."from" <= ?) AND (p."to" IS NULL OR p."to" >= ?)
    LEFT JOIN role AS r ON r.id = p.role AND r.archived_at IS NULL
   WHERE %s AND u.archived_at IS NULL]]

--- Parameters: today, today, hash of the token, now.
people.by_session = chairs:format("s.expires_at", "session AS s", 's."user"', "s.token_hash = ? AND s.expires_at > ?")
people.by_token = chairs:format("s.expires_at", "token AS s", 's."user"', "s.token_hash = ? AND (s.expires_at IS NULL OR s.expires_at > ?)")
--- Parameters: today, today, id or login.
people.by_user = chairs:format("NULL", "(SELECT 1) AS s", "u.id", "u.id = ?")
people.by_login = chairs:format("NULL", "(SELECT 1) AS s", "u.id", "u.login = ?")

people.password = [[SELECT id, password FROM "user" WHERE login = ? AND archived_at IS NULL]]

people.add_session = [[INSERT INTO session (token_hash, "user", created_at, expires_at) VALUES (?, ?, ?, ?)]]
people.end_session = "DELETE FROM session WHERE token_hash = ?"
people.end_other_sessions = [[DELETE FROM session WHERE "user" = ? AND token_hash <> ?]]
people.end_old_sessions = "DELETE FROM session WHERE expires_at <= ?"

people.add_link = [[INSERT INTO sign_in_link (token_hash, "user", expires_at) VALUES (?, ?, ?)]]
people.end_links = [[DELETE FROM sign_in_link WHERE "user" = ?]]
people.end_link = "DELETE FROM sign_in_link WHERE token_hash = ?"
--- Parameters: hash of the link's secret, now.
people.link_user = [[
  SELECT u.id FROM sign_in_link AS s JOIN "user" AS u ON u.id = s."user"
   WHERE s.token_hash = ? AND s.expires_at > ? AND u.archived_at IS NULL]]

people.any_password = [[SELECT 1 FROM "user" WHERE password IS NOT NULL AND archived_at IS NULL LIMIT 1]]

--- The id of the record that has a natural key.
people.by_code = {
  role = "SELECT id FROM role WHERE code = ?",
  user = [[SELECT id FROM "user" WHERE login = ?]],
  position = "SELECT id FROM position WHERE code = ?",
}

people.roles = "SELECT code FROM role WHERE archived_at IS NULL"

people.add_token = [[INSERT INTO token (token_hash, "user", name, created_at, expires_at) VALUES (?, ?, ?, ?, ?)]]

--- A unit and all below it. Parameter: unit.
people.subtree = [[
  WITH RECURSIVE below (id) AS (
    SELECT id FROM unit WHERE id = ?
    UNION SELECT u.id FROM unit AS u JOIN below ON u.parent = below.id)
  SELECT id FROM below]]

--- A unit and all that it lies in; from a partner company the way does not lead on to the vendor.
--- Parameter: unit.
people.above = [[
  WITH RECURSIVE above (id, parent, kind) AS (
    SELECT id, parent, kind FROM unit WHERE id = ?
    UNION SELECT u.id, u.parent, u.kind FROM unit AS u JOIN above ON u.id = above.parent
           WHERE coalesce(above.kind, '') <> 'partner')
  SELECT id FROM above]]

--- The partner company that a unit belongs to, and all its units: from the unit upwards as long as the kind is
--- `partner`, then down. Parameter: unit.
people.partner_company = [[
  WITH RECURSIVE above (id, parent) AS (
    SELECT id, parent FROM unit WHERE id = ? AND kind = 'partner'
    UNION SELECT u.id, u.parent FROM unit AS u JOIN above ON u.id = above.parent WHERE u.kind = 'partner'),
  below (id) AS (
    SELECT id FROM above
    UNION SELECT u.id FROM unit AS u JOIN below ON u.parent = below.id)
  SELECT id FROM below]]

--- Who could take what a selector offers: chairs filled today by a person with a role that takes work, the one with
--- the fewest taken first. What is archived (user, role, unit) takes nothing any more. Parameters: selector, today,
--- today, then the unit's or position's code.
local seats = [[
  SELECT p.id, coalesce(s.taken, 0) FROM position AS p
    JOIN "user" AS u ON u.id = p.holder AND u.archived_at IS NULL
    JOIN role AS r ON r.id = p.role AND r.assignable = 1 AND r.archived_at IS NULL
    LEFT JOIN unit AS w ON w.id = p.unit
    LEFT JOIN assignment_seat AS s ON s.selector = ? AND s.position = p.id
   WHERE p.archived_at IS NULL AND w.archived_at IS NULL
         AND (p."from" IS NULL OR p."from" <= ?) AND (p."to" IS NULL OR p."to" >= ?) AND %s
   ORDER BY coalesce(s.taken, 0), coalesce(s.last_txn, 0), p.id]]

people.seats = {
  unit = seats:format([[p.unit IN (
    WITH RECURSIVE below (id) AS (
      SELECT id FROM unit WHERE code = ? AND archived_at IS NULL
      UNION SELECT u.id FROM unit AS u JOIN below ON u.parent = below.id
             WHERE u.archived_at IS NULL)
    SELECT id FROM below)]]),
  position = seats:format("p.code = ?"),
}

people.take_seat = [[
  INSERT INTO assignment_seat (selector, position, taken, last_txn) VALUES (?, ?, 1, ?)
  ON CONFLICT (selector, position) DO UPDATE SET taken = taken + 1, last_txn = excluded.last_txn]]
people.add_assignment = [[
  INSERT INTO assignment (id, at, txn, selector, position, entity, record, figures) VALUES (?, ?, ?, ?, ?, ?, ?, ?)]]

return people
