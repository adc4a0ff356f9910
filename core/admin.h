/* core/admin.h: DIR/admin.sock, by which the command line reaches a running server (0600: its owner
 * only).
 *
 * A client sends one line, {"command":"import","arguments":{…},"tenant":"acme"}, and gets lines:
 * {"text":"…"} while it goes on, and last {"result":"…"} or {"error":"…"}. Both ends are here. */
#pragma once

#include "base/err.h"
#include "server.h"

#include <stdbool.h>
#include <uv.h>

struct admin;

int admin_start(struct admin **admin, uv_loop_t *loop, const char *path, struct server *server,
	struct err *err);
/* Closes the listener and the connections that wait for nothing; the others close after the answer
 * to their command. The admin is freed with free() when the loop has ended. */
void admin_stop(struct admin *admin);

/* The client's end, blocking: runs a command in the server that serves `path`, for that tenant
 * (NULL: the one that is meant where nothing says which). Returns 0 with the result in `result`,
 * TM_ENOENT when no server is there, TM_ESCRIPT with the error in `err`. */
int admin_call(const char *path, const char *tenant, const char *command, const char *arguments,
	void (*on_text)(void *data, const char *text, size_t len), void *data, char **result,
	struct err *err);
