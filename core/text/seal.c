#include "text/seal.h"

#include "base/err.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key is XChaCha20's");

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING
};

size_t seal_base64_len(size_t len)
{
	return sodium_base64_encoded_len(len, VARIANT) - 1;
}

size_t seal_bytes_max(size_t len)
{
	return len / 4 * 3 + 3;
}

void seal_to_base64(char *text, const void *bytes, size_t len)
{
	sodium_bin2base64(text, seal_base64_len(len) + 1, bytes, len, VARIANT);
}

int seal_from_base64(void *bytes, size_t *bytes_len, const char *text, size_t len)
{
	const char *end;

	/* libsodium takes bytes beyond ASCII for digits. */
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > 127)
			return TM_EINVAL;
	if (sodium_base642bin(
		    bytes, seal_bytes_max(len), text, len, NULL, bytes_len, &end, VARIANT) != 0 ||
		end != text + len)
		return TM_EINVAL;
	return 0;
}

size_t seal_len(size_t len)
{
	return seal_base64_len(NONCE + len + TAG);
}

int seal(char *text, const void *plain, size_t len, const void *ad, size_t ad_len,
	const unsigned char key[SEAL_KEY])
{
	unsigned char *bytes = malloc(NONCE + len + TAG);
	unsigned long long sealed_len;

	if (bytes == NULL)
		return TM_ENOMEM;
	randombytes_buf(bytes, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		bytes + NONCE, &sealed_len, plain, len, ad, ad_len, NULL, bytes, key);
	seal_to_base64(text, bytes, NONCE + (size_t)sealed_len);
	free(bytes);
	return 0;
}

int seal_open(void *plain, size_t *plain_len, const char *text, size_t len, const void *ad,
	size_t ad_len, const unsigned char key[SEAL_KEY])
{
	unsigned char *bytes = malloc(seal_bytes_max(len));
	unsigned long long opened_len = 0;
	size_t bytes_len;
	int rc = TM_EINVAL;

	if (bytes == NULL)
		return TM_ENOMEM;
	if (seal_from_base64(bytes, &bytes_len, text, len) == 0 && bytes_len >= NONCE + TAG &&
		crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &opened_len, NULL, bytes + NONCE,
			bytes_len - NONCE, ad, ad_len, bytes, key) == 0) {
		*plain_len = (size_t)opened_len;
		rc = 0;
	}
	free(bytes);
	return rc;
}
