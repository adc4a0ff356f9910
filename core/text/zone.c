#include "text/zone.h"

#include "base/err.h"
#include "text/date.h"
#include "text/utf16.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

enum { NAME_MAX_LEN = 64 };

struct zone {
	UCalendar *calendar;
};

/* The name's units; false for what cannot be one. "GMT+8" and the like are not names of places. */
static bool name_units(UChar units[NAME_MAX_LEN + 1], const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] > '~')
			return false;
	u_uastrcpy(units, name);
	return true;
}

static bool is_known(const UChar *units)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar canonical[128];
	UBool is_system = false;

	ucal_getCanonicalTimeZoneID(units, -1, canonical, 128, &is_system, &status);
	return U_SUCCESS(status) && is_system;
}

bool zone_exists(const char *name)
{
	UChar units[NAME_MAX_LEN + 1];

	return name_units(units, name) && is_known(units);
}

int zone_new(struct zone **made, const char *name)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar units[NAME_MAX_LEN + 1];
	struct zone *zone;

	if (!name_units(units, name) || !is_known(units))
		return TM_ENOENT;
	zone = calloc(1, sizeof *zone);
	if (zone == NULL)
		return TM_ENOMEM;
	zone->calendar = ucal_open(units, -1, "en", UCAL_GREGORIAN, &status);
	if (U_FAILURE(status)) {
		zone_free(zone);
		return TM_ENOMEM;
	}
	ucal_setGregorianChange(zone->calendar, (double)DATE_MS_MIN * 2, &status);
	*made = zone;
	return 0;
}

void zone_free(struct zone *zone)
{
	if (zone == NULL)
		return;
	if (zone->calendar != NULL)
		ucal_close(zone->calendar);
	free(zone);
}

int zone_offset(struct zone *zone, int64_t ms, int64_t *offset)
{
	UErrorCode status = U_ZERO_ERROR;

	if (ms < DATE_MS_MIN || ms > DATE_MS_MAX)
		return TM_EINVAL;
	ucal_setMillis(zone->calendar, (double)ms, &status);
	*offset = ucal_get(zone->calendar, UCAL_ZONE_OFFSET, &status) +
		  ucal_get(zone->calendar, UCAL_DST_OFFSET, &status);
	return U_SUCCESS(status) ? 0 : utf16_failure(status);
}

static int offset_from_local(
	struct zone *zone, int64_t local, UTimeZoneLocalOption option, int64_t *offset)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t raw, saving;

	ucal_setMillis(zone->calendar, (double)local, &status);
	ucal_getTimeZoneOffsetFromLocal(zone->calendar, option, option, &raw, &saving, &status);
	*offset = (int64_t)raw + saving;
	return U_SUCCESS(status) ? 0 : utf16_failure(status);
}

int zone_instant(struct zone *zone, int64_t local, int64_t *ms, enum zone_times *times)
{
	int64_t before, after, there;
	int rc;

	if (local < DATE_MS_MIN || local > DATE_MS_MAX)
		return TM_EINVAL;
	rc = offset_from_local(zone, local, UCAL_TZ_LOCAL_FORMER, &before);
	if (rc == 0)
		rc = offset_from_local(zone, local, UCAL_TZ_LOCAL_LATTER, &after);
	if (rc < 0)
		return rc;
	*ms = local - before;
	*times = ZONE_ONCE;
	if (before == after)
		return 0;
	/* There are two candidates; do the clocks show the time at the first? */
	rc = zone_offset(zone, local - before < DATE_MS_MAX ? local - before : DATE_MS_MAX, &there);
	*times = there == before ? ZONE_TWICE : ZONE_NEVER;
	return rc;
}
