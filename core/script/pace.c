#include "script/pace.h"

enum { RISE = 3, SLOW_FROM = 9, MOST = 12 };

void pace_count(struct pace *pace, unsigned route, bool slow)
{
	_Atomic unsigned char *score = &pace->scores[route < METRICS_ROUTES ? route : 0];
	unsigned char before = atomic_load_explicit(score, memory_order_relaxed);
	int now = slow ? before + RISE : before - 1;

	/* Two threads at once may count as one: it is a habit that is measured, not a number. */
	if (slow || before > 0)
		atomic_store_explicit(
			score, (unsigned char)(now > MOST ? MOST : now), memory_order_relaxed);
}

bool pace_is_slow(const struct pace *pace, unsigned route)
{
	return route > 0 && route < METRICS_ROUTES &&
	       atomic_load_explicit(&pace->scores[route], memory_order_relaxed) >= SLOW_FROM;
}
