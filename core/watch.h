/* core/watch.h: tells when a file below some folders was saved (inotify through libuv).
 *
 * Belongs to the loop that it was started on. Changes that come close together are told once. */
#pragma once

#include "base/err.h"

#include <uv.h>

struct watch;

/* Watches the folders (NULL-terminated) and all below them. */
int watch_start(struct watch **watch, uv_loop_t *loop, char **folders, void (*changed)(void *data),
	void *data, struct err *err);
/* Looks for folders that have come or gone. */
void watch_refresh(struct watch *watch);
void watch_stop(struct watch *watch);
