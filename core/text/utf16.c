#include "text/utf16.h"

#include "base/err.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <unicode/ustring.h>

UChar *utf16_of(const char *text, size_t len, int32_t *count, int *rc)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar *units;

	*rc = TM_EINVAL;
	if (len > INT32_MAX / 16 || !utf8_valid(text, len))
		return NULL;
	*rc = TM_ENOMEM;
	units = malloc((len + 1) * sizeof *units);
	if (units == NULL)
		return NULL;
	u_strFromUTF8(units, (int32_t)len + 1, count, text, (int32_t)len, &status);
	if (U_SUCCESS(status)) {
		*rc = 0;
		return units;
	}
	*rc = utf16_failure(status);
	free(units);
	return NULL;
}

int utf16_append(struct buf *out, const UChar *units, int32_t count)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t len;
	char *to;

	if (count > INT32_MAX / 4)
		return TM_EINVAL;
	/* A unit takes at most three bytes, and so do not two that belong together. */
	to = buf_reserve(out, (size_t)count * 3 + 1);
	if (to == NULL)
		return TM_ENOMEM;
	u_strToUTF8(to, count * 3 + 1, &len, units, count, &status);
	if (U_FAILURE(status))
		return utf16_failure(status);
	out->len += (size_t)len;
	return 0;
}

int utf16_failure(UErrorCode status)
{
	return status == U_MEMORY_ALLOCATION_ERROR ? TM_ENOMEM : TM_EINVAL;
}
