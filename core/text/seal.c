#include "text/seal.h"

#include "base/err.h"
#include "text/base64.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key is XChaCha20's");

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES
};

size_t seal_len(size_t len)
{
	return base64_len(BASE64_URL, NONCE + len + TAG);
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
	base64_write(BASE64_URL, text, bytes, NONCE + (size_t)sealed_len);
	free(bytes);
	return 0;
}

int seal_open(void *plain, size_t *plain_len, const char *text, size_t len, const void *ad,
	size_t ad_len, const unsigned char key[SEAL_KEY])
{
	unsigned char *bytes = malloc(base64_bytes_max(len));
	unsigned long long opened_len = 0;
	size_t bytes_len;
	int rc = TM_EINVAL;

	if (bytes == NULL)
		return TM_ENOMEM;
	if (base64_read(BASE64_URL, bytes, &bytes_len, text, len) == 0 &&
		bytes_len >= NONCE + TAG &&
		crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &opened_len, NULL, bytes + NONCE,
			bytes_len - NONCE, ad, ad_len, bytes, key) == 0) {
		*plain_len = (size_t)opened_len;
		rc = 0;
	}
	free(bytes);
	return rc;
}
