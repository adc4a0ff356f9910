/* core/tenant.h: one company that the server serves: its database, its home, its generations, and
 * the control thread's end of them.
 *
 * Tenants share the workers, the counters and nothing else. A tenant is closed until it is needed
 * and then holds threads, connections and Lua states until it is closed again; what it remembers
 * lies in its database. Belongs to the control thread, but for what workers get (struct
 * tenant_rooms). */
#pragma once

#include "data_folder.h"
#include "generations.h"
#include "home.h"
#include "keeper.h"
#include "server.h"
#include "slow_lane.h"
#include "tenant_rooms.h"

struct tenant;

enum tenant_phase { TENANT_CLOSED, TENANT_OPENING, TENANT_OPEN, TENANT_CLOSING };

/* What all tenants have in common, and whom they tell. */
struct tenant_owner {
	const struct server_options *options;
	const struct data_folder *folder;
	uv_loop_t *loop;
	struct queue *inbox; /* for outcomes of homes: items are `struct write` */
	struct metrics *metrics;
	struct builder *builder;
	struct keeper *keeper;
	int workers;         /* for so many a generation makes states */
	const char *address; /* what it listens on; empty: nothing */
	bool beyond_loopback;
	/* Gives the tenant's states to the workers: see tenant_switching. */
	void (*hand_over)(void *owner, struct tenant *tenant, struct states *states);
	/* Has the workers let go of the tenant: each calls tenant_left, for which
	 * tenant_expect_leave has been called. */
	void (*let_go)(void *owner, struct tenant *tenant);
	/* The opening has come to its end: `text` is why it failed, or NULL. */
	void (*opened)(void *owner, struct tenant *tenant, int rc, const char *text);
	/* A command waits for the tenant, which is closed: it is to be opened when there is room.
	 */
	void (*wanted)(void *owner, struct tenant *tenant);
	/* Something is over: a command, a switch, the closing. */
	void (*settled)(void *owner);
	void *owner;
};

/* Makes a closed tenant, the settings' one of that index. The owner and the settings outlive it.
 * NULL without memory. */
struct tenant *tenant_new(const struct tenant_owner *owner, int index);
/* When the loop has ended. */
void tenant_free(struct tenant *tenant);

const char *tenant_name(const struct tenant *tenant);
int tenant_index(const struct tenant *tenant);
enum tenant_phase tenant_phase(const struct tenant *tenant);
/* Of one that is not closed. */
struct tenant_rooms tenant_rooms(struct tenant *tenant);

/* Begins to open a closed tenant; `opened` comes, perhaps at once. */
void tenant_open(struct tenant *tenant);

/* Builds its next generation, if it is open. */
void tenant_build(struct tenant *tenant);

/* For hand_over: what is told by switching_adopted when a thread serves with its new state, after
 * switching_expect; NULL: nobody waits for that. */
struct switching *tenant_switching(struct tenant *tenant);

/* Begins to close an open tenant, when no command of it runs; `settled` comes when it is closed.
 * False: one runs. */
bool tenant_close(struct tenant *tenant);
void tenant_expect_leave(struct tenant *tenant);
/* Any thread. */
void tenant_left(void *tenant);

/* The server stops: begins nothing further. */
void tenant_hush(struct tenant *tenant);
/* A command, a build or a closing is under way. */
bool tenant_is_busy(const struct tenant *tenant);
/* No worker runs any more and nothing is under way: ends its threads and closes its handles. */
void tenant_end(struct tenant *tenant);

/* It cannot be opened now: refuses the commands that wait for it, with TM_EBUSY and words. */
void tenant_refuse(struct tenant *tenant, const char *why);

/* Runs a command: see server_command. A closed tenant is opened for it. */
void tenant_command(struct tenant *tenant, const char *name, const char *arguments, size_t len,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data);
