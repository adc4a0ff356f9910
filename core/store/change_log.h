/* core/store/change_log.h: the chained log of every change.
 *
 * Table `change`, one row for each change of one record, in the transaction of the change:
 *
 *   pos            the place in the log, rising by one; given by the lane that writes
 *   txn            the id of the unit of work
 *   entity, id     which record; version: its version after the change
 *   at             UTC milliseconds
 *   actor          id of the user, or NULL for the system
 *   cause_kind, cause_id, cause_version   what made it happen: ("request", request id, NULL),
 *                  ("rule", name, version), ("import", mapping, NULL), …
 *   generation     hash of the generation whose code made it
 *   body           canonical JSON of old and new values; NULL once erased
 *   salt           16 random bytes; NULL once erased
 *   body_hash      BLAKE2b-256(salt ‖ body)
 *   chain          BLAKE2b-256(previous chain ‖ the columns pos … generation, encoded ‖ body_hash);
 * the first row's previous chain is 32 zero bytes
 *
 * A column is encoded as 'n' (NULL), 'i' and 8 bytes big-endian, or 't', its length in 4 bytes
 * big-endian and its bytes. BLAKE2b: RFC 7693. */
#pragma once

#include "store/store.h"

struct change {
	int64_t txn;
	const char *entity;
	int64_t id;
	int64_t version;
	int64_t at;
	int64_t actor;                                     /* 0: the system */
	const char *cause_kind, *cause_id, *cause_version; /* the last two may be NULL */
	const char *generation;
	const char *body;
	size_t body_len;
};

/* Appends one row in `unit` (of a writing connection). The texts must live until `done`. */
void change_append(
	struct store_unit *unit, const struct change *change, store_done done, void *data);

/* The position of the last row that `unit` can see, 0 for an empty log: in a writing unit its own
 * rows included; in a reading unit as of its snapshot. */
void change_position(
	struct store_unit *unit, void (*done)(void *data, int rc, int64_t pos), void *data);

/* For the command that audits a log, and until that is there for tests: walks the whole log of an
 * open store and checks hashes and chain. Returns 0, or TM_EINVAL with
 * the first position at fault. */
int change_verify(struct store *store, int64_t *rows, struct err *err);
