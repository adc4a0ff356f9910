/* core/text/base64.h: base64 (RFC 4648), as others exchange it (section 4, with padding) and as it
 * stands in addresses (section 5, without). hash_start must have been called. Any thread. */
#pragma once

#include <stddef.h>

enum base64 { BASE64, BASE64_URL };

/* How many characters `len` bytes take, and how many bytes `len` characters hold at most. */
size_t base64_len(enum base64 kind, size_t len);
size_t base64_bytes_max(size_t len);

/* Writes base64_len characters, and a NUL after them, for which `text` must have room. */
void base64_write(enum base64 kind, char *text, const void *bytes, size_t len);

/* Reads into `bytes` of base64_bytes_max(len). Returns 0, or TM_EINVAL for anything but the one
 * text that base64_write writes for those bytes. */
int base64_read(enum base64 kind, void *bytes, size_t *bytes_len, const char *text, size_t len);
