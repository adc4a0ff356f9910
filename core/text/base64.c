#include "text/base64.h"

#include "base/err.h"

#include <sodium.h>

static const int variants[] = {
	[BASE64] = sodium_base64_VARIANT_ORIGINAL,
	[BASE64_URL] = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

size_t base64_len(enum base64 kind, size_t len)
{
	return sodium_base64_encoded_len(len, variants[kind]) - 1;
}

size_t base64_bytes_max(size_t len)
{
	return len / 4 * 3 + 3;
}

void base64_write(enum base64 kind, char *text, const void *bytes, size_t len)
{
	sodium_bin2base64(text, base64_len(kind, len) + 1, bytes, len, variants[kind]);
}

int base64_read(enum base64 kind, void *bytes, size_t *bytes_len, const char *text, size_t len)
{
	const char *end;

	/* libsodium takes bytes beyond ASCII for digits. */
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > 127)
			return TM_EINVAL;
	if (sodium_base642bin(bytes, base64_bytes_max(len), text, len, NULL, bytes_len, &end,
		    variants[kind]) != 0 ||
		end != text + len)
		return TM_EINVAL;
	return 0;
}
