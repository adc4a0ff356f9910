/* core/script/settings.h: the settings file, config/tidemill.lua: Lua that returns a table.
 *
 * It runs in a bare state without any library. An unknown setting is refused, so that a misspelt
 * one is not silently without effect. Freed with settings_free. */
#pragma once

#include "base/err.h"
#include "script/state.h"

#include <stdbool.h>

struct settings {
	char *root;    /* the folder above config/: holds scripts/ and plugins/ */
	char *listen;  /* "127.0.0.1:8080" */
	char *data;    /* the data folder */
	char *tenant;  /* its name */
	int workers;   /* 0: one for each core */
	int wal_limit; /* MiB of the write-ahead log beyond which the log file says so */
	struct budgets budgets;
	bool demo_logins_beyond_loopback;
	bool log_requests;
	char **plugins; /* NULL-terminated */
	char **clients;
	char **trusted_proxies; /* addresses and networks; NULL-terminated */
	int client_connections; /* of one address at once; 0: no limit */
	int client_requests;    /* of one address in a minute; 0: no limit */
	bool limit_loopback;
};

int settings_read(struct settings *settings, const char *path, struct err *err);
void settings_free(struct settings *settings);
