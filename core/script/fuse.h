/* core/script/fuse.h: a route whose code breaks its budget again and again is shut for a while.
 *
 * Each break costs a state and its time; a route that breaks three within a minute is answered 503
 * for the minute after, for that tenant. Shared by all threads: a small table under a lock, which
 * nobody takes while no route is shut. */
#pragma once

#include "base/buf.h"

/* `route` ("POST /api/v1/ENTITY/{id}/ACTION") has broken a state of the tenant's. */
void fuse_count(const char *tenant, const char *route);

/* For how many seconds `route` is still shut; 0: it is not. */
int fuse_shut(const char *tenant, const char *route);

/* Appends which routes are shut, as Prometheus reads it. */
void fuse_write(struct buf *out);
