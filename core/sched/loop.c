#include "sched/loop.h"

#include "base/err.h"

#include <unistd.h>

int loop_make(uv_loop_t *loop)
{
	if (uv_loop_init(loop) == 0)
		return 0;
	/* Which libuv 1.44 leaves open when it finds no other descriptor. */
	if (uv_backend_fd(loop) > 0)
		close(uv_backend_fd(loop));
	return TM_ENOMEM;
}

static void drop(uv_handle_t *handle, void *data)
{
	(void)data;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void loop_drop(uv_loop_t *loop)
{
	uv_walk(loop, drop, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_loop_close(loop);
}
