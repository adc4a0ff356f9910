/* core/descriptors.h: how many files the process may open, and how many of them are for clients.
 *
 * A listener that finds no free descriptor can neither take a client nor send it away, and asks
 * again and again. So the clients get what is left when everything else has its share, and never
 * more. */
#pragma once

#include "base/err.h"

/* Raises the soft limit as far as it helps `workers` threads with `most` connections each, beside
 * `tenants` that are open at once, and returns how many each may have. TM_EINVAL: the limit leaves
 * too few to serve with. */
int descriptors_for_clients(
	int workers, int tenants, unsigned most, unsigned *each, struct err *err);
