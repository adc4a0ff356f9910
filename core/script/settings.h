/* core/script/settings.h: the settings file, config/tidemill.lua: Lua that returns a table.
 *
 * It runs in a bare state without any library. An unknown setting is refused, so that a misspelt
 * one is not silently without effect. Freed with settings_free. */
#pragma once

#include "base/err.h"
#include "script/state.h"

#include <stdbool.h>

/* One company: who it is, and what it is served with. */
struct tenant_settings {
	char *name;
	char **hosts; /* "crm.example.com"; these lists are NULL-terminated */
	char **plugins;
	char **clients;
};

struct settings {
	char *root;   /* the folder above config/: holds scripts/ and plugins/ */
	char *listen; /* "127.0.0.1:8080" */
	char *data;   /* the data folder */
	/* Whom it serves; at least one. `tenant` names the one that is meant where nothing says
	 * which: by commands, and by hosts that no tenant has; NULL: none is. */
	struct tenant_settings *tenants;
	int tenant_count;
	char *tenant;
	int open_tenants; /* so many at most are open at once */
	int workers;      /* 0: one for each core */
	int wal_limit;    /* MiB of the write-ahead log beyond which the log file says so */
	struct budgets budgets;
	bool demo_logins_beyond_loopback;
	bool log_requests;
	char **plugins; /* of tenants that do not say; NULL-terminated */
	char **clients;
	char **trusted_proxies; /* addresses and networks; NULL-terminated */
	int client_connections; /* of one address at once; 0: no limit */
	int client_requests;    /* of one address in a minute; 0: no limit */
	bool limit_loopback;
};

int settings_read(struct settings *settings, const char *path, struct err *err);
/* The index of the tenant that a host ("crm.example.com:8080") means, or -1. */
int settings_tenant_of_host(const struct settings *settings, const char *host, size_t len);
/* The index of the tenant of that name; NULL is the one that is meant where nothing says which. -1
 * with the reason in `err`. */
int settings_tenant_named(const struct settings *settings, const char *name, struct err *err);

/* Makes the tenant of that name (see settings_tenant_named) the one that is meant where nothing
 * says which, and its plugins and client packs those of the settings. TM_ENOENT with words. */
int settings_choose(struct settings *settings, const char *name, struct err *err);

void settings_free(struct settings *settings);
