#include "base/id.h"

#include "base/clock.h"

#include <stdatomic.h>

#define STEP (INT64_C(1) << ID_NODE_BITS)

/* The greatest id so far. Relaxed order is enough: the exchange alone makes ids unique and growing,
 * and no other data is published through it. */
static _Atomic int64_t greatest;

int64_t id_new(void)
{
	int64_t now = (clock_utc_ms() - ID_EPOCH_MS) * (INT64_C(1) << ID_MS_BITS);
	int64_t before = atomic_load_explicit(&greatest, memory_order_relaxed);
	int64_t id;

	do {
		id = now > before ? now : before / STEP * STEP + STEP;
	} while (!atomic_compare_exchange_weak_explicit(
		&greatest, &before, id, memory_order_relaxed, memory_order_relaxed));
	return id;
}

void id_begin_after(int64_t id)
{
	int64_t before = atomic_load_explicit(&greatest, memory_order_relaxed);

	while (id > before && !atomic_compare_exchange_weak_explicit(&greatest, &before, id,
				      memory_order_relaxed, memory_order_relaxed))
		;
}
