/* tests/fuzz/fuzz.h: what the fuzz targets share.
 *
 * A target is tests/fuzz/fuzz_NAME.c with one function, fuzz_one: it takes any bytes, and ends the
 * program when something that must hold does not (must), or when a sanitizer finds something.
 * `make fuzz` links it with libFuzzer, which makes up bytes; `make test` with replay.c, which gives
 * it each file of tests/fuzz/seeds/NAME: examples to begin with, and what has ever been found. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Before the first fuzz_one. */
void fuzz_start(void);
void fuzz_one(const uint8_t *data, size_t size);

#define must(holds)                                                                                \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #holds);     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A generator of numbers for choices that the bytes do not make themselves: the same each time. */
static inline uint32_t fuzz_next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}
