#include "script/settings.h"

#include "net/http_clients.h"

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *copy(const char *text)
{
	char *made = strdup(text);

	if (made == NULL)
		abort(); /* at the start of the program, with nothing to lose */
	return made;
}

/* The folder above the one that holds `path`. */
static char *root_of(const char *path)
{
	char *whole = realpath(path, NULL);

	for (int up = 0; whole != NULL && up < 2; up++) {
		char *slash = strrchr(whole, '/');

		if (slash == NULL)
			break;
		*slash = '\0';
	}
	return whole;
}

static int read_text(lua_State *L, const char *name, char **to, struct err *err)
{
	if (lua_type(L, -1) != LUA_TSTRING)
		return err_set(err, TM_EINVAL, "the setting %s must be a text", name);
	free(*to);
	*to = copy(lua_tostring(L, -1));
	return 0;
}

static int read_flag(lua_State *L, const char *name, bool *to, struct err *err)
{
	if (!lua_isboolean(L, -1))
		return err_set(err, TM_EINVAL, "the setting %s must be true or false", name);
	*to = lua_toboolean(L, -1);
	return 0;
}

static int read_count(lua_State *L, const char *name, int least, int most, int *to, struct err *err)
{
	if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < least || lua_tointeger(L, -1) > most)
		return err_set(err, TM_EINVAL,
			"the setting %s must be a whole number from %d to %d", name, least, most);
	*to = (int)lua_tointeger(L, -1);
	return 0;
}

static const struct {
	const char *name;
	size_t at;
} budget_names[] = {
	{"quick_ms", offsetof(struct budgets, quick_ms)},
	{"read_ms", offsetof(struct budgets, read_ms)},
	{"slow_ms", offsetof(struct budgets, slow_ms)},
	{"write_ms", offsetof(struct budgets, write_ms)},
	{"bulk_ms", offsetof(struct budgets, bulk_ms)},
	{"command_ms", offsetof(struct budgets, command_ms)},
	{"load_ms", offsetof(struct budgets, load_ms)},
	{"task_mib", offsetof(struct budgets, task_mib)},
};

static int *budget_named(struct budgets *budgets, const char *name)
{
	for (size_t i = 0; i < sizeof budget_names / sizeof *budget_names; i++)
		if (strcmp(budget_names[i].name, name) == 0)
			return (int *)(void *)((char *)budgets + budget_names[i].at);
	return NULL;
}

/* { write_ms = 250, task_mib = 64, … } */
static int read_budgets(lua_State *L, const char *name, struct budgets *to, struct err *err)
{
	int rc = 0;

	if (!lua_istable(L, -1))
		return err_set(err, TM_EINVAL, "the setting %s must be a table", name);
	for (lua_pushnil(L); rc == 0 && lua_next(L, -2) != 0; lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
		int *budget = budget_named(to, key);
		lua_Integer value = lua_tointeger(L, -1);

		if (budget == NULL)
			rc = err_set(err, TM_EINVAL,
				"there is no budget %s; there are quick_ms, read_ms, slow_ms, "
				"write_ms, bulk_ms, command_ms, load_ms, task_mib",
				key);
		else if (!lua_isinteger(L, -1) || value < 1 || value > 3600000)
			rc = err_set(err, TM_EINVAL,
				"the budget %s must be a whole number from 1 to 3,600,000", key);
		else
			*budget = (int)value;
	}
	if (rc == 0 && to->quick_ms > to->read_ms)
		rc = err_set(err, TM_EINVAL,
			"the budget quick_ms (%d) is more than read_ms (%d), which ends a read",
			to->quick_ms, to->read_ms);
	return rc;
}

static void free_list(char **list)
{
	for (char **one = list; one != NULL && *one != NULL; one++)
		free(*one);
	free(list);
}

static int read_list(lua_State *L, const char *name, char ***to, struct err *err)
{
	size_t count = lua_istable(L, -1) ? (size_t)lua_rawlen(L, -1) : 0;
	char **list;

	if (!lua_istable(L, -1))
		return err_set(err, TM_EINVAL, "the setting %s must be a list of names", name);
	list = calloc(count + 1, sizeof *list);
	if (list == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	for (size_t i = 0; i < count; i++) {
		if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING) {
			free_list(list);
			return err_set(
				err, TM_EINVAL, "the setting %s must be a list of names", name);
		}
		list[i] = copy(lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	free_list(*to);
	*to = list;
	return 0;
}

static int read_networks(lua_State *L, const char *name, char ***to, struct err *err)
{
	int rc = read_list(L, name, to, err);

	for (char **one = *to; rc == 0 && *one != NULL; one++)
		if (!http_is_network(*one))
			rc = err_set(err, TM_EINVAL,
				"the setting %s: %s is no address and no network such as "
				"10.0.0.0/8",
				name, *one);
	return rc;
}

/* { hosts = { "crm.example.com" }, clients = { … }, plugins = { … } }, on top of the stack. */
static int read_tenant(lua_State *L, struct tenant_settings *to, struct err *err)
{
	char name[160];
	int rc = 0;

	if (!lua_istable(L, -1))
		return err_set(err, TM_EINVAL, "the tenant %.80s must be a table", to->name);
	for (lua_pushnil(L); rc == 0 && lua_next(L, -2) != 0; lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";

		snprintf(name, sizeof name, "tenants.%.80s.%.40s", to->name, key);
		if (strcmp(key, "hosts") == 0)
			rc = read_list(L, name, &to->hosts, err);
		else if (strcmp(key, "plugins") == 0)
			rc = read_list(L, name, &to->plugins, err);
		else if (strcmp(key, "clients") == 0)
			rc = read_list(L, name, &to->clients, err);
		else
			rc = err_set(err, TM_EINVAL,
				"there is no setting %s; a tenant has hosts, plugins, clients",
				name);
	}
	return rc;
}

/* A tenant's name is a folder's. */
static bool is_tenant_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return len > 0 && len <= 64 && name[len] == '\0' && name[0] != '-';
}

static struct tenant_settings *add_tenant(struct settings *to, const char *name)
{
	struct tenant_settings *list =
		realloc(to->tenants, ((size_t)to->tenant_count + 1) * sizeof *list);

	if (list == NULL)
		abort(); /* as in `copy` */
	to->tenants = list;
	list += to->tenant_count++;
	*list = (struct tenant_settings){.name = copy(name)};
	return list;
}

static int read_tenants(lua_State *L, struct settings *to, struct err *err)
{
	int rc = 0;

	if (!lua_istable(L, -1))
		return err_set(err, TM_EINVAL, "the setting tenants must be a table by name");
	for (lua_pushnil(L); rc == 0 && lua_next(L, -2) != 0; lua_pop(L, 1)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";

		if (!is_tenant_name(name))
			rc = err_set(err, TM_EINVAL,
				"a tenant's name has up to 64 small letters, digits, _ and -, not "
				"\"%.80s\"",
				name);
		else
			rc = read_tenant(L, add_tenant(to, name), err);
	}
	return rc;
}

/* The value is on top of the stack. */
static int read_one(lua_State *L, const char *name, struct settings *to, struct err *err)
{
	if (strcmp(name, "listen") == 0)
		return read_text(L, name, &to->listen, err);
	if (strcmp(name, "data") == 0)
		return read_text(L, name, &to->data, err);
	if (strcmp(name, "tenant") == 0)
		return read_text(L, name, &to->tenant, err);
	if (strcmp(name, "tenants") == 0)
		return read_tenants(L, to, err);
	if (strcmp(name, "open_tenants") == 0)
		return read_count(L, name, 1, 1024, &to->open_tenants, err);
	if (strcmp(name, "workers") == 0)
		return read_count(L, name, 0, 256, &to->workers, err);
	if (strcmp(name, "wal_limit") == 0)
		return read_count(L, name, 1, 1 << 20, &to->wal_limit, err);
	if (strcmp(name, "budgets") == 0)
		return read_budgets(L, name, &to->budgets, err);
	if (strcmp(name, "demo_logins_beyond_loopback") == 0)
		return read_flag(L, name, &to->demo_logins_beyond_loopback, err);
	if (strcmp(name, "log_requests") == 0)
		return read_flag(L, name, &to->log_requests, err);
	if (strcmp(name, "plugins") == 0)
		return read_list(L, name, &to->plugins, err);
	if (strcmp(name, "clients") == 0)
		return read_list(L, name, &to->clients, err);
	if (strcmp(name, "trusted_proxies") == 0)
		return read_networks(L, name, &to->trusted_proxies, err);
	if (strcmp(name, "client_connections") == 0)
		return read_count(L, name, 0, 1000000, &to->client_connections, err);
	if (strcmp(name, "client_requests") == 0)
		return read_count(L, name, 0, 100000000, &to->client_requests, err);
	if (strcmp(name, "limit_loopback") == 0)
		return read_flag(L, name, &to->limit_loopback, err);
	return err_set(err, TM_EINVAL,
		"there is no setting %s; there are listen, data, tenant, tenants, open_tenants, "
		"workers, plugins, clients, log_requests, budgets, demo_logins_beyond_loopback, "
		"wal_limit, "
		"trusted_proxies, client_connections, client_requests, limit_loopback",
		name);
}

static int read_table(lua_State *L, struct settings *to, struct err *err)
{
	int rc = 0;

	for (lua_pushnil(L); rc == 0 && lua_next(L, -2) != 0; lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			rc = err_set(err, TM_EINVAL, "a setting needs a name");
		else
			rc = read_one(L, lua_tostring(L, -2), to, err);
	}
	return rc;
}

static int compare_tenants(const void *a, const void *b)
{
	return strcmp(((const struct tenant_settings *)a)->name,
		((const struct tenant_settings *)b)->name);
}

static char **copy_list(char **from)
{
	size_t count = 0;
	char **list;

	while (from[count] != NULL)
		count++;
	list = calloc(count + 1, sizeof *list);
	if (list == NULL)
		abort(); /* as in `copy` */
	for (size_t i = 0; i < count; i++)
		list[i] = copy(from[i]);
	return list;
}

static int check_hosts(
	const struct settings *settings, const struct tenant_settings *tenant, struct err *err)
{
	for (char **host = tenant->hosts; *host != NULL; host++) {
		int other = settings_tenant_of_host(settings, *host, strlen(*host));

		if (strchr(*host, ':') != NULL || **host == '\0')
			return err_set(err, TM_EINVAL,
				"the host \"%s\" of the tenant %s must be a name without a port",
				*host, tenant->name);
		if (&settings->tenants[other] != tenant)
			return err_set(err, TM_EINVAL,
				"the tenants %s and %s have the same host %s",
				settings->tenants[other].name, tenant->name, *host);
	}
	return 0;
}

/* Without `tenants`, there is the one that `tenant` names, and without that, "main". */
static int settle_tenants(struct settings *settings, struct err *err)
{
	int rc = 0;

	if (settings->tenant == NULL && settings->tenant_count == 0)
		settings->tenant = copy("main");
	if (settings->tenant != NULL && !is_tenant_name(settings->tenant))
		return err_set(err, TM_EINVAL,
			"a tenant's name has up to 64 small letters, digits, _ and -, not "
			"\"%.80s\"",
			settings->tenant);
	if (settings->tenant != NULL && settings_tenant_named(settings, NULL, NULL) < 0)
		add_tenant(settings, settings->tenant);
	qsort(settings->tenants, (size_t)settings->tenant_count, sizeof *settings->tenants,
		compare_tenants);
	for (int i = 0; i < settings->tenant_count; i++) {
		struct tenant_settings *tenant = &settings->tenants[i];

		if (tenant->hosts == NULL)
			tenant->hosts = calloc(1, sizeof(char *));
		if (tenant->plugins == NULL)
			tenant->plugins = copy_list(settings->plugins);
		if (tenant->clients == NULL)
			tenant->clients = copy_list(settings->clients);
	}
	for (int i = 0; rc == 0 && i < settings->tenant_count; i++)
		rc = check_hosts(settings, &settings->tenants[i], err);
	return rc;
}

int settings_tenant_of_host(const struct settings *settings, const char *host, size_t len)
{
	const char *colon = len > 0 && host[0] != '[' ? memchr(host, ':', len) : NULL;

	len = colon != NULL ? (size_t)(colon - host) : len;
	for (int i = 0; i < settings->tenant_count; i++)
		for (char **own = settings->tenants[i].hosts; own != NULL && *own != NULL; own++)
			if (strlen(*own) == len && strncasecmp(*own, host, len) == 0)
				return i;
	return settings->tenant != NULL ? settings_tenant_named(settings, NULL, NULL) : -1;
}

int settings_tenant_named(const struct settings *settings, const char *name, struct err *err)
{
	const char *wanted = name != NULL ? name : settings->tenant;

	for (int i = 0; wanted != NULL && i < settings->tenant_count; i++)
		if (strcmp(settings->tenants[i].name, wanted) == 0)
			return i;
	if (wanted == NULL)
		err_set(err, TM_EINVAL, "which tenant is meant? Say --tenant NAME");
	else
		err_set(err, TM_ENOENT, "there is no tenant %.80s in the settings", wanted);
	return -1;
}

int settings_choose(struct settings *settings, const char *name, struct err *err)
{
	int i = settings_tenant_named(settings, name, err);
	char *chosen;

	if (i < 0)
		return TM_ENOENT;
	chosen = copy(settings->tenants[i].name);
	free(settings->tenant);
	free_list(settings->plugins);
	free_list(settings->clients);
	settings->tenant = chosen;
	settings->plugins = copy_list(settings->tenants[i].plugins);
	settings->clients = copy_list(settings->tenants[i].clients);
	return 0;
}

int settings_read(struct settings *settings, const char *path, struct err *err)
{
	lua_State *L = luaL_newstate();
	int rc;

	if (L == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	*settings = (struct settings){
		.root = root_of(path),
		.listen = copy("127.0.0.1:8080"),
		.data = copy("data"),
		.open_tenants = 16,
		.wal_limit = 64,
		.log_requests = true,
		.budgets = default_budgets,
		.plugins = calloc(1, sizeof(char *)),
		.clients = calloc(1, sizeof(char *)),
		.trusted_proxies = calloc(1, sizeof(char *)),
		.client_connections = 256,
		.client_requests = 6000,
	};
	if (settings->root == NULL)
		rc = err_set(err, TM_ENOENT, "there is no settings file %s", path);
	else if (luaL_loadfilex(L, path, "t") != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK)
		rc = err_set(err, TM_EINVAL, "%s", lua_tostring(L, -1));
	else if (!lua_istable(L, -1))
		rc = err_set(err, TM_EINVAL, "%s must return a table", path);
	else
		rc = read_table(L, settings, err);
	if (rc == 0)
		rc = settle_tenants(settings, err);
	lua_close(L);
	if (rc != 0)
		settings_free(settings);
	return rc;
}

void settings_free(struct settings *settings)
{
	free(settings->root);
	free(settings->listen);
	free(settings->data);
	free(settings->tenant);
	for (int i = 0; i < settings->tenant_count; i++) {
		free(settings->tenants[i].name);
		free_list(settings->tenants[i].hosts);
		free_list(settings->tenants[i].plugins);
		free_list(settings->tenants[i].clients);
	}
	free(settings->tenants);
	free_list(settings->plugins);
	free_list(settings->clients);
	free_list(settings->trusted_proxies);
	*settings = (struct settings){0};
}
