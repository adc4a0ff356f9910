/* core.hash: hashes, random bytes, base64, and values sealed with the tenant's key. */
#include "script/bind.h"

#include "base/err.h"
#include "text/base64.h"
#include "text/hash.h"
#include "text/seal.h"

#include <lauxlib.h>

enum { RANDOM_MAX = 4096, TEXT_MAX = 64 * 1024 * 1024 };

static const char *bytes_at(lua_State *L, int arg, size_t *len)
{
	const char *bytes = luaL_checklstring(L, arg, len);

	luaL_argcheck(L, *len <= TEXT_MAX, arg, "too long");
	return bytes;
}

/* blake2b(bytes [, key]) -> 32 bytes */
static int hash_of_bytes(lua_State *L)
{
	size_t len;
	size_t key_len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	const char *key = luaL_optlstring(L, 2, NULL, &key_len);
	unsigned char out[HASH_BYTES];

	if (key == NULL)
		key_len = 0;
	else
		luaL_argcheck(
			L, key_len >= 1 && key_len <= HASH_KEY_MAX, 2, "a key has 1 to 64 bytes");
	hash_blake2b(out, key, key_len, bytes, len);
	lua_pushlstring(L, (const char *)out, sizeof out);
	return 1;
}

/* hex(bytes) -> text */
static int hex_of(lua_State *L)
{
	size_t len;
	const char *bytes = bytes_at(L, 1, &len);
	luaL_Buffer out;
	char *text = luaL_buffinitsize(L, &out, len * 2 + 1);

	hash_hex(text, bytes, len);
	luaL_pushresultsize(&out, len * 2);
	return 1;
}

/* random(n) -> n bytes */
static int hash_random_bytes(lua_State *L)
{
	lua_Integer count = luaL_checkinteger(L, 1);
	unsigned char bytes[RANDOM_MAX];

	luaL_argcheck(L, count >= 0 && count <= RANDOM_MAX, 1, "must be 0 to 4096");
	hash_random(bytes, (size_t)count);
	lua_pushlstring(L, (const char *)bytes, (size_t)count);
	return 1;
}

/* sha256(bytes) -> 32 bytes */
static int hash_of_others(lua_State *L)
{
	size_t len;
	const char *bytes = bytes_at(L, 1, &len);
	unsigned char out[HASH_BYTES];

	hash_sha256(out, bytes, len);
	lua_pushlstring(L, (const char *)out, sizeof out);
	return 1;
}

/* hmac_sha256(key, bytes) -> 32 bytes; compare two with equal */
static int hmac_of_bytes(lua_State *L)
{
	size_t key_len;
	size_t len;
	const char *key = bytes_at(L, 1, &key_len);
	const char *bytes = bytes_at(L, 2, &len);
	unsigned char out[HASH_BYTES];

	hash_hmac_sha256(out, key, key_len, bytes, len);
	lua_pushlstring(L, (const char *)out, sizeof out);
	return 1;
}

static int write_base64(lua_State *L, enum base64 kind)
{
	size_t len;
	const char *bytes = bytes_at(L, 1, &len);
	luaL_Buffer out;
	char *text = luaL_buffinitsize(L, &out, base64_len(kind, len) + 1);

	base64_write(kind, text, bytes, len);
	luaL_pushresultsize(&out, base64_len(kind, len));
	return 1;
}

static int read_base64(lua_State *L, enum base64 kind)
{
	size_t len;
	size_t bytes_len;
	const char *text = bytes_at(L, 1, &len);
	luaL_Buffer out;
	char *bytes = luaL_buffinitsize(L, &out, base64_bytes_max(len));

	if (base64_read(kind, bytes, &bytes_len, text, len) < 0)
		lua_pushnil(L);
	else
		luaL_pushresultsize(&out, bytes_len);
	return 1;
}

/* base64(bytes) -> text, with padding */
static int hash_base64(lua_State *L)
{
	return write_base64(L, BASE64);
}

/* unbase64(text) -> bytes, or nil */
static int hash_unbase64(lua_State *L)
{
	return read_base64(L, BASE64);
}

/* base64url(bytes) -> text, without padding */
static int hash_base64url(lua_State *L)
{
	return write_base64(L, BASE64_URL);
}

/* unbase64url(text) -> bytes, or nil */
static int hash_unbase64url(lua_State *L)
{
	return read_base64(L, BASE64_URL);
}

static const unsigned char *key_of_state(lua_State *L)
{
	const unsigned char *key = bind_seal_key(L);

	if (key == NULL)
		luaL_error(L, "nothing can be sealed or opened before the state serves a tenant");
	return key;
}

/* seal(plain, ad) -> text */
static int hash_seal(lua_State *L)
{
	size_t len;
	size_t ad_len;
	const char *plain = bytes_at(L, 1, &len);
	const char *ad = luaL_checklstring(L, 2, &ad_len);
	const unsigned char *key = key_of_state(L);
	luaL_Buffer out;
	char *text = luaL_buffinitsize(L, &out, seal_len(len) + 1);

	if (seal(text, plain, len, ad, ad_len, key) < 0)
		return luaL_error(L, "out of memory");
	luaL_pushresultsize(&out, seal_len(len));
	return 1;
}

/* open(text, ad) -> plain, or nil */
static int hash_open(lua_State *L)
{
	size_t len;
	size_t ad_len;
	size_t plain_len;
	const char *text = bytes_at(L, 1, &len);
	const char *ad = luaL_checklstring(L, 2, &ad_len);
	const unsigned char *key = key_of_state(L);
	luaL_Buffer out;
	char *plain = luaL_buffinitsize(L, &out, base64_bytes_max(len));
	int rc = seal_open(plain, &plain_len, text, len, ad, ad_len, key);

	if (rc == TM_ENOMEM)
		return luaL_error(L, "out of memory");
	if (rc < 0)
		lua_pushnil(L);
	else
		luaL_pushresultsize(&out, plain_len);
	return 1;
}

/* equal(a, b) -> boolean, in a time that tells only the lengths */
static int are_equal(lua_State *L)
{
	size_t a_len;
	size_t b_len;
	const char *a = luaL_checklstring(L, 1, &a_len);
	const char *b = luaL_checklstring(L, 2, &b_len);

	lua_pushboolean(L, a_len == b_len && hash_equal(a, b, a_len));
	return 1;
}

static const luaL_Reg functions[] = {
	{"blake2b", hash_of_bytes},
	{"hex", hex_of},
	{"sha256", hash_of_others},
	{"hmac_sha256", hmac_of_bytes},
	{"random", hash_random_bytes},
	{"base64", hash_base64},
	{"unbase64", hash_unbase64},
	{"base64url", hash_base64url},
	{"unbase64url", hash_unbase64url},
	{"seal", hash_seal},
	{"open", hash_open},
	{"equal", are_equal},
	{NULL, NULL},
};

int bind_hash(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
