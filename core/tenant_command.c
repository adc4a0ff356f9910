#include "tenant_command.h"

#include "base/buf.h"
#include "text/json_out.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* -1: there is no database yet. */
static long long database_bytes(const struct settings *settings, const char *name)
{
	char path[PATH_MAX];
	struct stat facts;

	snprintf(path, sizeof path, "%s/tenants/%s/tenant.db", settings->data, name);
	return stat(path, &facts) == 0 ? (long long)facts.st_size : -1;
}

static bool is_meant(const struct settings *settings, const struct tenant_settings *tenant)
{
	return settings->tenant != NULL && strcmp(settings->tenant, tenant->name) == 0;
}

static void put_list(struct buf *out, const char *name, char **list)
{
	buf_printf(out, ",\"%s\":[", name);
	for (char **one = list; *one != NULL; one++) {
		if (one > list)
			buf_putc(out, ',');
		json_out_string(out, *one, strlen(*one));
	}
	buf_putc(out, ']');
}

static void put_json(
	struct buf *out, const struct settings *settings, const struct tenant_settings *tenant)
{
	long long bytes = database_bytes(settings, tenant->name);

	buf_puts(out, "{\"name\":");
	json_out_string(out, tenant->name, strlen(tenant->name));
	buf_printf(out, ",\"default\":%s", is_meant(settings, tenant) ? "true" : "false");
	put_list(out, "hosts", tenant->hosts);
	put_list(out, "plugins", tenant->plugins);
	put_list(out, "clients", tenant->clients);
	if (bytes >= 0)
		buf_printf(out, ",\"bytes\":%lld}", bytes);
	else
		buf_puts(out, ",\"bytes\":null}");
}

static void put_line(
	struct buf *out, const struct settings *settings, const struct tenant_settings *tenant)
{
	long long bytes = database_bytes(settings, tenant->name);

	buf_printf(out, "%c %-24s", is_meant(settings, tenant) ? '*' : ' ', tenant->name);
	if (bytes >= 0)
		buf_printf(out, " %10.1f MiB ", (double)bytes / (1 << 20));
	else
		buf_printf(out, " %15s", "");
	for (char **host = tenant->hosts; *host != NULL; host++)
		buf_printf(out, " %s", *host);
	buf_putc(out, '\n');
}

int tenant_command_list(const struct settings *settings, bool json)
{
	struct buf out = BUF_EMPTY;
	const char *text;

	if (json)
		buf_putc(&out, '[');
	for (int i = 0; i < settings->tenant_count; i++) {
		if (json && i > 0)
			buf_putc(&out, ',');
		(json ? put_json : put_line)(&out, settings, &settings->tenants[i]);
	}
	if (json)
		buf_puts(&out, "]\n");
	text = buf_text(&out);
	if (text != NULL)
		fputs(text, stdout);
	else
		fprintf(stderr, "tidemill: no memory\n");
	buf_free(&out);
	return text != NULL ? 0 : 1;
}
