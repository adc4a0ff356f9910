/* tests/faults/control.h: lets a test steer the file layer from outside, over a unix socket.
 *
 * Each line is a command and gets one line back, "ok", "ok NUMBER" or "error WORDS":
 *
 *   room N | room off    files may grow by N more bytes | without limit
 *   hold | release       syncs of a write-ahead log wait | go on
 *   held                 how many are waiting now
 *   fail-sync N          the next N syncs of a write-ahead log fail
 *   checkpoint PATH      moves what is committed from the log into the database */
#pragma once

/* Serves `path` from threads of its own until the process ends. Returns 0, or -1 with errno. */
int control_serve(const char *path);
