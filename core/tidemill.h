/* core/tidemill.h: the program. */
#pragma once

#define TIDEMILL_VERSION "0.1.0"

/* Runs a command line and returns its exit status: 0 done, 1 failed, 2 wrong usage. */
int tidemill_main(int argc, char **argv);
