/* The command line: what can be asked, and how each is done. Data goes to standard output, words to
 * standard error; the exit status is 0 done, 1 failed, 2 wrong usage. */
#include "tidemill.h"

#include "admin.h"
#include "backup_commands.h"
#include "base/buf.h"
#include "base/log.h"
#include "builder.h"
#include "command_line.h"
#include "generation_command.h"
#include "server.h"
#include "tenant_command.h"
#include "text/hash.h"
#include "text/json_in.h"
#include "text/json_out.h"

#include <ctype.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DONE, FAILED, USAGE };

/* What the command line said. */
struct request {
	const char *command;
	const char *config, *data, *listen, *tenant, *record, *rejects, *language;
	bool watch, safe, json, routes, help;
	char **words; /* what is no option */
	int word_count;
	struct settings settings;
};

struct command {
	const char *name, *words, *summary;
	const char *options; /* the letters of read_options that it takes, besides --help */
	int min_words, max_words;
	int (*run)(struct request *request);
	const char *more; /* of --help, or NULL */
};

static int failed(const struct err *err)
{
	fprintf(stderr, "tidemill: %s\n", err->text);
	return FAILED;
}

static void put(struct buf *json, const char *name, const char *text)
{
	buf_printf(json, "%s\"%s\":", json->len > 1 ? "," : "", name);
	json_out_string(json, text, strlen(text));
}

/* The language of the messages, as POSIX has it: the first of these that says something. */
static const char *own_language(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *locale = getenv(names[i]);

		if (locale != NULL && locale[0] != '\0')
			return strncmp(locale, "zh", 2) == 0 && !isalpha((unsigned char)locale[2])
				       ? "zh"
				       : "en";
	}
	return "en";
}

static void set_text(char **to, const char *text)
{
	if (text == NULL)
		return;
	free(*to);
	*to = strdup(text);
}

static int read_settings(struct request *request, struct err *err)
{
	int rc = settings_read(&request->settings, request->config, err);

	if (rc == 0 && (request->tenant != NULL || request->settings.tenant != NULL))
		rc = settings_choose(&request->settings, request->tenant, err);
	if (rc == 0) {
		set_text(&request->settings.data, request->data);
		set_text(&request->settings.listen, request->listen);
	}
	return rc;
}

/* serve */

static void describe_demo(void *data, const struct task_result *result)
{
	struct server *server = data;
	struct json_fault fault;
	json_t *facts =
		result->rc == 0 ? json_in_parse(result->text.data, result->text.len, &fault) : NULL;
	const char *serves = json_string_value(json_object_get(facts, "serves"));
	const char *welcome = json_string_value(json_object_get(facts, "welcome"));

	if (facts == NULL)
		return; /* a stop was faster */
	fprintf(stderr, "\n%s %s\n", serves != NULL ? serves : "Tidemill serves",
		server_address(server));
	if (welcome != NULL)
		fprintf(stderr, "\n%s\n", welcome);
	json_decref(facts);
}

static void ignore_text(void *data, const char *text, size_t len)
{
	(void)data;
	(void)text;
	(void)len;
}

static void serving(struct server *server, void *data, int rc, const struct err *err)
{
	const struct request *request = data;
	struct buf arguments = BUF_EMPTY;

	(void)err;
	if (rc != 0 || request->settings.tenant == NULL)
		return;
	buf_putc(&arguments, '{');
	put(&arguments, "language", request->language);
	buf_putc(&arguments, '}');
	server_command(server, NULL, "describe", arguments.data, arguments.len, ignore_text,
		describe_demo, server);
	buf_free(&arguments);
}

/* Out of a list of client packs; their names go to `names`. */
static void leave_out(char **packs, struct buf *names)
{
	for (char **one = packs; *one != NULL; one++) {
		buf_printf(names, "%s%s", names->len > 0 ? ", " : "", *one);
		free(*one);
		*one = NULL;
	}
}

static void leave_packs_out(struct settings *settings)
{
	struct buf names = BUF_EMPTY;

	for (int i = 0; i < settings->tenant_count; i++)
		leave_out(settings->tenants[i].clients, &names);
	log_event(LOG_WARN, "start", "--safe: without client packs%s%s",
		names.len > 0 ? "; left out: " : "", names.len > 0 ? buf_text(&names) : "");
	buf_free(&names);
}

static int serve(struct request *request)
{
	struct server_options options = {
		.settings = &request->settings,
		.listens = true,
		.watches = request->watch,
		.safe = request->safe,
		.record = request->record,
		.language = request->language,
		.started = serving,
		.data = request,
	};
	struct err err;

	if (read_settings(request, &err) != 0)
		return failed(&err);
	if (request->safe)
		leave_packs_out(&request->settings);
	return server_run(&options, &err) != 0 ? failed(&err) : DONE;
}

/* Commands that run in the server that serves the data folder, or else in this process. */

struct errand {
	const char *command;
	const char *arguments;
	void (*on_text)(void *data, const char *text, size_t len);
	char *result;
	int rc;
	struct err err;
	struct server *server;
};

static void errand_over(void *data, const struct task_result *result)
{
	struct errand *errand = data;

	errand->rc = result->rc;
	if (result->rc == 0)
		errand->result = strndup(result->text.data, result->text.len);
	else
		err_set(&errand->err, result->rc, "%.*s", (int)result->text.len, result->text.data);
	server_stop(errand->server);
}

static void errand_started(struct server *server, void *data, int rc, const struct err *err)
{
	struct errand *errand = data;

	errand->server = server;
	if (rc != 0)
		errand->err = *err;
	else
		server_command(server, NULL, errand->command, errand->arguments,
			strlen(errand->arguments), errand->on_text, errand_over, errand);
}

static int run_here(struct request *request, struct errand *errand, const char *tests)
{
	struct server_options options = {.settings = &request->settings,
		.language = request->language,
		.tests = tests,
		.started = errand_started,
		.data = errand};
	struct err err;
	int rc;

	errand->rc = TM_EINVAL;
	rc = server_run(&options, &err);
	if (rc == 0 && errand->rc != 0)
		err = errand->err;
	return rc != 0 || errand->rc != 0 ? failed(&err) : DONE;
}

static int run_there_or_here(struct request *request, struct errand *errand)
{
	char path[PATH_MAX];
	struct err err;
	int rc;

	snprintf(path, sizeof path, "%s/admin.sock", request->settings.data);
	rc = admin_call(path, request->settings.tenant, errand->command, errand->arguments,
		errand->on_text, NULL, &errand->result, &err);
	if (rc == TM_ENOENT)
		return run_here(request, errand, NULL);
	return rc != 0 ? failed(&err) : DONE;
}

/* import */

/* Where refused rows go. */
static int absolute_rejects(const char *given, const char *file, char *path, struct err *err)
{
	if (given != NULL)
		return absolute_path(given, path, err);
	if (snprintf(path, PATH_MAX, "%s.rejects.csv", file) >= PATH_MAX)
		return err_set(err, TM_EINVAL, "the path of %s is too long", file);
	return 0;
}

/* Prints the report, which follows the count of refused rows. One row makes the command fail, so
 * that a script hears of it. */
static int print_report(const char *answer)
{
	char *report;
	long refused = strtol(answer, &report, 10);

	printf("%s\n", *report == '\n' ? report + 1 : report);
	return refused == 0 ? DONE : FAILED;
}

static int import(struct request *request)
{
	struct errand errand = {.command = "import", .on_text = show_progress};
	struct buf arguments = BUF_EMPTY;
	char file[PATH_MAX], rejects[PATH_MAX];
	struct err err;
	int status;

	if (read_settings(request, &err) != 0)
		return failed(&err);
	if (realpath(request->words[1], file) == NULL) {
		err_set(&err, TM_ENOENT, "there is no file %s", request->words[1]);
		return failed(&err);
	}
	if (absolute_rejects(request->rejects, file, rejects, &err) != 0)
		return failed(&err);
	buf_putc(&arguments, '{');
	put(&arguments, "mapping", request->words[0]);
	put(&arguments, "file", file);
	put(&arguments, "rejects", rejects);
	put(&arguments, "language", request->language);
	buf_puts(&arguments, request->json ? ",\"json\":true}" : "}");
	errand.arguments = buf_text(&arguments);
	status = run_there_or_here(request, &errand);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r");
	if (status == DONE)
		status = print_report(errand.result);
	free(errand.result);
	buf_free(&arguments);
	return status;
}

/* token */

static int token(struct request *request)
{
	struct errand errand = {.command = "token", .on_text = ignore_text};
	struct buf arguments = BUF_EMPTY;
	struct err err;
	int status;

	if (read_settings(request, &err) != 0)
		return failed(&err);
	buf_putc(&arguments, '{');
	put(&arguments, "login", request->words[0]);
	put(&arguments, "name", request->words[1]);
	buf_puts(&arguments, "}");
	errand.arguments = buf_text(&arguments);
	status = run_there_or_here(request, &errand);
	if (status == DONE)
		printf("%s\n", errand.result);
	free(errand.result);
	buf_free(&arguments);
	return status;
}

/* check */

struct checked {
	struct request *request;
	int rc;
};

/* What plugins ask for is told with each check, before they serve. */
static void print_permissions(const json_t *facts)
{
	const json_t *text, *list = json_object_get(facts, "permissions");
	size_t i;

	json_array_foreach(list, i, text) fprintf(stderr, "%s\n", json_string_value(text));
}

static void print_facts(void *data, const struct task_result *result)
{
	struct checked *checked = data;
	struct json_fault fault;
	json_t *facts =
		result->rc == 0 ? json_in_parse(result->text.data, result->text.len, &fault) : NULL;
	json_t *route, *routes = json_object_get(facts, "routes");
	size_t i;

	checked->rc = facts == NULL ? FAILED : DONE;
	if (facts == NULL)
		fprintf(stderr, "tidemill: %s\n",
			result->rc != 0 ? result->text.data : "the routes cannot be read");
	print_permissions(facts);
	if (!checked->request->routes)
		goto out;
	if (checked->request->json && routes != NULL)
		json_dumpf(routes, stdout, JSON_INDENT(1));
	else
		json_array_foreach(routes, i, route)
			printf("%-6s %s\n", json_string_value(json_object_get(route, "method")),
				json_string_value(json_object_get(route, "pattern")));
out:
	json_decref(facts);
}

/* Asks the state that was made for what there is in it. */
static void describe(struct checked *checked, struct state *state)
{
	struct buf arguments = BUF_EMPTY;
	uv_loop_t loop;

	buf_putc(&arguments, '{');
	put(&arguments, "language", checked->request->language);
	buf_puts(&arguments, "}");
	uv_loop_init(&loop);
	state_attach(state, &(struct state_host){.loop = &loop});
	state_command(state, "describe", buf_text(&arguments), arguments.len, ignore_text,
		print_facts, checked);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	buf_free(&arguments);
}

static int check_company(struct request *request)
{
	struct checked checked = {.request = request};
	struct generation *gen = NULL;
	struct state *state;
	struct err err;

	if (builder_read(&request->settings, NULL, &gen, &err) != 0)
		return failed(&err);
	if (state_new(&state, gen, &request->settings.budgets, &err) != 0) {
		generation_drop(gen);
		return failed(&err);
	}
	fprintf(stderr, "good: generation %.12s, %u files\n", generation_hash(gen),
		generation_file_count(gen));
	describe(&checked, state);
	state_retire(state);
	generation_drop(gen);
	return checked.rc;
}

/* Of several companies, each, unless one is named. Routes are those of one. */
static int check(struct request *request)
{
	struct settings *settings = &request->settings;
	int status = DONE;
	struct err err;

	if (read_settings(request, &err) != 0 || hash_start() != 0)
		return failed(&err);
	if (request->tenant != NULL || request->routes || settings->tenant_count < 2)
		return check_company(request);
	for (int i = 0; i < settings->tenant_count; i++) {
		const char *name = settings->tenants[i].name;

		if (settings_choose(settings, name, &err) != 0)
			return failed(&err);
		fprintf(stderr, "%s:\n", name);
		if (check_company(request) != DONE)
			status = FAILED;
	}
	return status;
}

/* test */

static void print_line(void *data, const char *text, size_t len)
{
	(void)data;
	printf("%.*s\n", (int)len, text);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
	(void)facts;
	(void)kind;
	(void)place;
	return remove(path);
}

static int test(struct request *request)
{
	struct errand errand = {.command = "test", .on_text = print_line};
	struct buf arguments = BUF_EMPTY;
	char folder[] = "/tmp/tidemill-test-XXXXXX", tests[PATH_MAX];
	int passed = 0, not_passed = 0, status;
	struct stat facts;
	struct err err;

	if (read_settings(request, &err) != 0)
		return failed(&err);
	if (mkdtemp(folder) == NULL) {
		err_set(&err, TM_EIO, "a folder for the throw-away tenant cannot be made in /tmp");
		return failed(&err);
	}
	set_text(&request->settings.data, folder);
	snprintf(tests, sizeof tests, "%s/tests/scripts", request->settings.root);
	buf_putc(&arguments, '{');
	if (request->word_count > 0)
		put(&arguments, "filter", request->words[0]);
	buf_putc(&arguments, '}');
	errand.arguments = buf_text(&arguments);
	log_set_level(LOG_WARN);
	status = run_here(request, &errand, stat(tests, &facts) == 0 ? tests : NULL);
	if (status == DONE)
		sscanf(errand.result, "%d %d", &passed, &not_passed);
	else
		not_passed = 1;
	printf("%d passed, %d failed\n", passed, not_passed);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(errand.result);
	buf_free(&arguments);
	return not_passed > 0 ? FAILED : DONE;
}

static int backup(struct request *request)
{
	struct err err;

	return read_settings(request, &err) != 0
		       ? failed(&err)
		       : backup_command(&request->settings, request->words[0]);
}

static int restore(struct request *request)
{
	struct err err;

	return read_settings(request, &err) != 0
		       ? failed(&err)
		       : restore_command(&request->settings, request->words[0]);
}

static int tenant(struct request *request)
{
	struct err err;

	if (read_settings(request, &err) != 0)
		return failed(&err);
	if (request->word_count > 0 && strcmp(request->words[0], "list") != 0) {
		fprintf(stderr, "tidemill: it is tenant list; tenants stand in the settings\n");
		return USAGE;
	}
	return tenant_command_list(&request->settings, request->json);
}

static int generation(struct request *request)
{
	struct err err;

	if (read_settings(request, &err) != 0)
		return failed(&err);
	return generation_command(
		&request->settings, request->words, request->word_count, request->json);
}

static int version(struct request *request)
{
	(void)request;
	printf("tidemill %s\n", TIDEMILL_VERSION);
	return DONE;
}

#define LANGUAGE_HELP "Without --language, LC_ALL, LC_MESSAGES or LANG says which.\n"

static const struct command commands[] = {
	{"serve",
		"[--config FILE] [--data DIR] [--listen HOST:PORT] [--watch] [--safe] "
		"[--language en|zh] [--record FILE]",
		"serve until told to stop; --watch takes over saved files", "cdlrwsL", 0, 0, serve,
		"--safe leaves out the client packs that the settings name: for when one of them\n"
		"keeps people from signing in, or the server from starting.\n"
		"--record writes down each statement with its values, for "
		"measuring.\n" LANGUAGE_HELP},
	{"import",
		"MAPPING FILE.csv [--config FILE] [--data DIR] [--tenant NAME] [--rejects FILE] "
		"[--json] "
		"[--language en|zh]",
		"import a CSV file through a mapping of the client pack", "cdtRjL", 2, 2, import,
		"The status is 0 when every row was taken, and 1 when rows were refused or the\n"
		"import failed. Refused rows stand in FILE.csv.rejects.csv, or where --rejects\n"
		"says.\n" LANGUAGE_HELP},
	{"check", "[--config FILE] [--tenant NAME] [--routes [--json]]",
		"load plugins and client packs and say what is wrong", "ctoj", 0, 0, check, NULL},
	{"test", "[PART-OF-PATH] [--config FILE] [--tenant NAME]",
		"run the tests of plugins and framework in a throw-away tenant", "ct", 0, 1, test,
		NULL},
	{"token", "LOGIN NAME [--config FILE] [--data DIR] [--tenant NAME]",
		"make an access token for programs; it is shown once", "cdt", 2, 2, token, NULL},
	{"generation",
		"[list | build | activate HASH] [--config FILE] [--data DIR] [--tenant NAME] "
		"[--json]",
		"list what has served, build from the files, return to an earlier one", "cdtj", 0,
		2, generation,
		"build and activate are done by the server that serves the data folder, and come\n"
		"back when every thread of it has switched; the status is 1 when it was refused.\n"
		"Of HASH the first six letters will do. * marks the one that serves. A start\n"
		"builds from the files, whatever served before.\n"},
	{"backup", "FILE [--config FILE] [--data DIR] [--tenant NAME]",
		"copy the whole database into a new file, also while a server runs", "cdt", 1, 1,
		backup,
		"The copy is of one moment, and is checked before it gets its name. It holds the\n"
		"keys too: keep it as safe as the data folder. FILE must not be there yet.\n"},
	{"restore", "FILE [--config FILE] [--data DIR] [--tenant NAME]",
		"put a backup into the database's place; no server may run", "cdt", 1, 1, restore,
		"The file is checked first. The database that was there stays beside it as\n"
		"tenant.db.before-restore-TIME.\n"},
	{"tenant", "[list] [--config FILE] [--data DIR] [--json]",
		"list the companies that the settings name, with their hosts", "cdj", 0, 1, tenant,
		"* marks the one that is meant where nothing says which.\n"},
	{"version", "", "print the version", "", 0, 0, version, NULL},
};

static int usage(const struct command *command, FILE *to)
{
	if (command != NULL) {
		fprintf(to, "usage: tidemill %s %s\n\n%s\n", command->name, command->words,
			command->summary);
		if (command->more != NULL)
			fprintf(to, "\n%s", command->more);
	} else {
		fprintf(to, "usage: tidemill COMMAND …\n\n");
		for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
			fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
		fprintf(to, "\ntidemill COMMAND --help says more.\n");
	}
	return to == stdout ? DONE : USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int read_options(
	const struct command *command, struct request *request, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"data", required_argument, NULL, 'd'},
		{"listen", required_argument, NULL, 'l'},
		{"tenant", required_argument, NULL, 't'},
		{"language", required_argument, NULL, 'L'},
		{"record", required_argument, NULL, 'r'},
		{"rejects", required_argument, NULL, 'R'},
		{"watch", no_argument, NULL, 'w'},
		{"safe", no_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"routes", no_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option != 'h' && strchr(command->options, option) == NULL)
			return USAGE;
		switch (option) {
		case 'c':
			request->config = optarg;
			break;
		case 'd':
			request->data = optarg;
			break;
		case 'l':
			request->listen = optarg;
			break;
		case 't':
			request->tenant = optarg;
			break;
		case 'L':
			request->language = optarg;
			break;
		case 'r':
			request->record = optarg;
			break;
		case 'R':
			request->rejects = optarg;
			break;
		case 'w':
			request->watch = true;
			break;
		case 's':
			request->safe = true;
			break;
		case 'j':
			request->json = true;
			break;
		case 'o':
			request->routes = true;
			break;
		case 'h':
			request->help = true;
			break;
		default:
			return USAGE;
		}
	}
	if (request->language == NULL)
		request->language = own_language();
	if (strcmp(request->language, "en") != 0 && strcmp(request->language, "zh") != 0) {
		fprintf(stderr, "tidemill: --language is en or zh, not %s\n", request->language);
		return USAGE;
	}
	request->words = argv + optind;
	request->word_count = argc - optind;
	return DONE;
}

int tidemill_main(int argc, char **argv)
{
	struct request request = {.config = "config/tidemill.lua"};
	const struct command *command;
	int status;

	if (argc < 2)
		return usage(NULL, stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return usage(NULL, stdout);
	command = find_command(argv[1]);
	if (command == NULL) {
		fprintf(stderr, "tidemill: there is no command %s\n", argv[1]);
		return usage(NULL, stderr);
	}
	if (read_options(command, &request, argc - 1, argv + 1) != DONE)
		return usage(command, stderr);
	if (request.help)
		return usage(command, stdout);
	if (request.word_count < command->min_words || request.word_count > command->max_words)
		return usage(command, stderr);
	status = command->run(&request);
	settings_free(&request.settings);
	return status;
}
