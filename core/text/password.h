/* core/text/password.h: hashes of passwords: argon2id (RFC 9106) with 2 passes over 19 MiB.
 *
 * Each call takes tens of milliseconds and its memory: never on a thread that serves. Any thread.
 */
#pragma once

#include <stddef.h>

enum { PASSWORD_HASH_MAX = 128 };

/* Writes the hash with its salt and its costs, as a text. TM_ENOMEM when there is no memory. */
int password_hash(char hash[PASSWORD_HASH_MAX], const char *password, size_t len);

/* Returns 0 when the password is the one that was hashed, TM_EINVAL when not, and TM_ENOMEM when
 * there was no memory to find out. */
int password_verify(const char *hash, const char *password, size_t len);

/* Overwrites a password in memory. */
void password_forget(char *password, size_t len);
