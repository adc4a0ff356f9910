/* core/script/fuse.h: a route whose code breaks its budget again and again is shut for a while, and
 * a plugin that has broken one is watched.
 *
 * Each break costs a state and its time; a route that breaks three within a minute is answered 503
 * for the minute after. The actions of a plugin that has broken one within the last minute give way
 * to all other changes, so that many that spin do not queue before the people. All of it for one
 * tenant. Shared by all threads: a small table under a lock, which nobody takes while nothing is
 * shut or blamed. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* `route` ("POST /api/v1/ENTITY/{id}/ACTION") has broken a state of the tenant's. */
void fuse_count(const char *tenant, const char *route);

/* For how many seconds `route` is still shut; 0: it is not. */
int fuse_shut(const char *tenant, const char *route);

/* `plugin` has broken a state; empty: nobody has. And whether it has within the last minute. */
void fuse_blame(const char *tenant, const char *plugin);
bool fuse_is_blamed(const char *tenant, const char *plugin);

/* Appends which routes are shut, as Prometheus reads it. */
void fuse_write(struct buf *out);
