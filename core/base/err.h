/* core/base/err.h: what went wrong, as a number for code and as words for people.
 *
 * A function that can fail returns 0 or one of the negative codes below. Where there is something
 * to tell a person it also fills a `struct err`, which the caller owns (usually on its stack). */
#pragma once

enum tm_error {
	TM_OK = 0,
	TM_ENOMEM = -1,
	TM_EINVAL = -2,    /* the input is wrong: the caller's fault */
	TM_ENOENT = -3,    /* no such thing */
	TM_EBUSY = -4,     /* full or locked: later it may work */
	TM_EIO = -5,       /* the disk or the network failed */
	TM_EFULL = -6,     /* no room on the disk */
	TM_EINTR = -7,     /* interrupted: by a budget or by a stop */
	TM_EUNIQUE = -8,   /* a unique constraint refused the row */
	TM_ELOST = -9,     /* the group of units was lost: this one must run again, alone */
	TM_ESCRIPT = -10,  /* a script failed to load or to run */
	TM_EUNKNOWN = -11, /* outcome unknown: the commit's sync failed */
	TM_EBUDGET = -12,  /* a script took more time or memory than it may */
	TM_EGIVEWAY = -13  /* a read must make way for others: elsewhere or later it may work */
};

struct err {
	int code;
	char text[512];
};

/* Sets `err` (which may be NULL) to `code` and formatted words, and returns `code`. */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A short English name of a code, for logs. */
const char *err_name(int code);
