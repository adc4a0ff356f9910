#include "interrupt.h"

#include <dlfcn.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define MARKER "[interrupt]"

typedef int (*step_function)(sqlite3_stmt *stmt);

static step_function real_step;
static _Thread_local bool inside;

static void fault_interrupt(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	(void)values;
	sqlite3_interrupt(sqlite3_context_db_handle(context));
	sqlite3_result_int(context, 1);
}

static int add_function(sqlite3 *db, char **error, const void *api)
{
	(void)error;
	(void)api;
	return sqlite3_create_function(db, "fault_interrupt", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS,
		NULL, fault_interrupt, NULL, NULL);
}

int interrupt_register(void)
{
	*(void **)&real_step = dlsym(RTLD_NEXT, "sqlite3_step");
	return sqlite3_auto_extension((void (*)(void))add_function);
}

static bool is_marked(sqlite3_stmt *stmt)
{
	char *text = sqlite3_expanded_sql(stmt);
	bool marked = text != NULL && strstr(text, MARKER) != NULL;

	sqlite3_free(text);
	return marked;
}

/* The loop in the trigger is where SQLite notices that it was interrupted. */
static void set_trap(sqlite3 *db, const char *table)
{
	bool quoted = *table == '"';
	int len = (int)strcspn(table + quoted, quoted ? "\"" : " \t\n");
	char *sql = sqlite3_mprintf(
		"CREATE TEMP TRIGGER IF NOT EXISTS fault_trap AFTER UPDATE ON main.\"%.*s\" BEGIN "
		"SELECT sum(fault_interrupt()) FROM (WITH RECURSIVE n(i) AS "
		"(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT i FROM n); END",
		len, table + quoted);

	sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
}

/* Stands before SQLite's own function of this name. */
int sqlite3_step(sqlite3_stmt *stmt)
{
	const char *sql = sqlite3_sql(stmt);
	sqlite3 *db = sqlite3_db_handle(stmt);
	int rc;

	if (real_step == NULL)
		*(void **)&real_step = dlsym(RTLD_NEXT, "sqlite3_step");
	if (inside || sql == NULL || strncasecmp(sql, "UPDATE ", 7) != 0 ||
		sqlite3_stmt_busy(stmt) || !is_marked(stmt))
		return real_step(stmt);
	inside = true;
	set_trap(db, sql + 7);
	rc = real_step(stmt);
	if (!sqlite3_get_autocommit(db) && rc != SQLITE_ROW)
		sqlite3_exec(db, "DROP TRIGGER IF EXISTS temp.fault_trap", NULL, NULL, NULL);
	inside = false;
	return rc;
}
