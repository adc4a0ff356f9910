/* core/server.h: the server: its tenants, its workers, and the control thread.
 *
 * The thread that calls server_start is the control thread: it has generations built, watches
 * files, listens on admin.sock, runs commands and stops everything. It owns all other threads. */
#pragma once

#include "script/settings.h"
#include "script/state.h"

#include <stdbool.h>

struct server;

struct server_options {
	const struct settings *settings; /* must outlive the server */
	bool listens;       /* serve HTTP and admin.sock; else only run commands in this process */
	bool watches;       /* take over saved files */
	bool safe;          /* the settings' client packs have been left out */
	const char *record; /* file for the statements of the home, or NULL */
	const char *language; /* of what is printed for people: "en" or "zh" */
	const char *tests;    /* a folder of framework tests that joins the generation, or NULL */
	/* The store is ready, the first generation serves, and the seeds are in (rc 0), or it
	 * failed. */
	void (*started)(struct server *server, void *data, int rc, const struct err *err);
	void *data;
};

/* Opens the data folder, starts the threads, and runs the loop until server_stop has done its work.
 * Returns what the start ended with. */
int server_run(const struct server_options *options, struct err *err);

/* The address that it listens on, "http://127.0.0.1:8080/". */
const char *server_address(const struct server *server);

/* Runs a command of scripts/main.lua in the control thread's state of a tenant; NULL: the one that
 * is meant where nothing says which. */
void server_command(struct server *server, const char *tenant, const char *name,
	const char *arguments, size_t len,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data);

/* Finishes what is under way and lets server_run return. */
void server_stop(struct server *server);
