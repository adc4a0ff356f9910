#include "control.h"

#include "faults/hold.h"
#include "support/fault_vfs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void answer_checkpoint(FILE *client, const char *path)
{
	int rc = fault_vfs_checkpoint(path);

	if (rc == SQLITE_OK)
		fputs("ok\n", client);
	else
		fprintf(client, "error %s\n", sqlite3_errstr(rc));
}

static void obey_fail(FILE *client, const char *line)
{
	static const char *const kinds[FAULT_KINDS] = {
		[FAULT_WRITE] = "write",
		[FAULT_SYNC] = "sync",
		[FAULT_CHECKPOINT] = "checkpoint",
		[FAULT_MEMORY] = "memory",
	};
	unsigned skip, count;
	char kind[16];

	if (sscanf(line, "%15s %u %u", kind, &skip, &count) == 3)
		for (unsigned i = 0; i < FAULT_KINDS; i++)
			if (strcmp(kind, kinds[i]) == 0) {
				fault_vfs_fail(i, skip, count);
				fputs("ok\n", client);
				return;
			}
	fputs("error it is fail write|sync|checkpoint|memory SKIP COUNT\n", client);
}

static void obey_step(FILE *client, char *line)
{
	char *step = strsep(&line, " ");

	fputs(line != NULL && steps_set(step, line) ? "ok\n"
						    : "error it is step NAME go|hold|fail\n",
		client);
}

static void obey(FILE *client, char *line)
{
	char *word = strsep(&line, " ");

	if (strcmp(word, "room") == 0 && line != NULL) {
		fault_vfs_room(strcmp(line, "off") == 0 ? FAULT_NO_LIMIT : atoll(line));
	} else if (strcmp(word, "hold") == 0) {
		fault_vfs_hold();
	} else if (strcmp(word, "release") == 0) {
		fault_vfs_release();
	} else if (strcmp(word, "fail") == 0 && line != NULL) {
		obey_fail(client, line);
		return;
	} else if (strcmp(word, "step") == 0 && line != NULL) {
		obey_step(client, line);
		return;
	} else if (strcmp(word, "at") == 0) {
		fprintf(client, "ok %s\n", steps_at());
		return;
	} else if (strcmp(word, "crash") == 0 && line != NULL) {
		fault_vfs_crash((unsigned)atoi(line));
	} else if (strcmp(word, "failures") == 0) {
		fprintf(client, "ok %u\n", fault_vfs_failures());
		return;
	} else if (strcmp(word, "held") == 0) {
		fprintf(client, "ok %u\n", fault_vfs_held());
		return;
	} else if (strcmp(word, "checkpoint") == 0 && line != NULL) {
		answer_checkpoint(client, line);
		return;
	} else {
		fputs("error unknown command\n", client);
		return;
	}
	fputs("ok\n", client);
}

static void *serve_client(void *data)
{
	FILE *client = data;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&line, &room, client)) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		obey(client, line);
		fflush(client);
	}
	free(line);
	fclose(client);
	return NULL;
}

/* Threads of this file take no signals: those are for the program. */
static int start(void *(*run)(void *), void *data)
{
	sigset_t all, before;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_detach(thread);
	return rc;
}

static void *listen_for_clients(void *data)
{
	int fd, listener = (int)(intptr_t)data;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR ||
		errno == ECONNABORTED) {
		FILE *client = fd >= 0 ? fdopen(fd, "r+") : NULL;

		if (client != NULL && start(serve_client, client) != 0)
			fclose(client);
	}
	return NULL;
}

int control_serve(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0)
		return -1;
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
		listen(listener, 16) < 0)
		return -1;
	errno = start(listen_for_clients, (void *)(intptr_t)listener);
	return errno ? -1 : 0;
}
