/* tests/faults/control.h: lets a test steer the file layer from outside, over a unix socket.
 *
 * Each line is a command and gets one line back, "ok", "ok NUMBER" or "error WORDS":
 *
 *   room N | room off    files may grow by N more bytes | without limit
 *   hold | release       syncs of commits wait | go on
 *   held                 how many are waiting now
 *   fail KIND SKIP N     after SKIP more of that kind N fail: write, sync (a commit's), checkpoint
 *                        (every other sync), memory (SQLite's allocations)
 *   failures             how many have failed since the start
 *   step NAME WORD       at that step of core/steps.h: go, hold (until go or fail), fail (once)
 *   at                   the step at which somebody is held now, or nothing
 *   crash SEED           the process ends, with some of its unsynced sectors on the disk
 *   checkpoint PATH      moves what is committed from the log into the database */
#pragma once

/* Serves `path` from threads of its own until the process ends. Returns 0, or -1 with errno. */
int control_serve(const char *path);
