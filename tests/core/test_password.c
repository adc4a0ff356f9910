/* Passwords: a hash, and what verifying it can end with. */
#include "text/password.h"

#include "base/err.h"
#include "text/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static void test_only_the_same_password_is_right(void **state)
{
	char hash[PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(hash_start(), 0);
	assert_int_equal(password_hash(hash, "x", 1), 0);

	assert_int_equal(password_verify(hash, "x", 1), 0);
	assert_int_equal(password_verify(hash, "y", 1), TM_EINVAL);
	assert_int_equal(password_verify("nonsense", "x", 1), TM_EINVAL);
}

/* A sanitizer needs address space without a limit. */
static void test_one_that_cannot_be_checked_is_not_called_wrong(void **state)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	(void)state;
#else
	char hash[PASSWORD_HASH_MAX];
	struct rlimit before, none;
	int rc;

	(void)state;
	assert_int_equal(hash_start(), 0);
	assert_int_equal(password_hash(hash, "x", 1), 0);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = (struct rlimit){.rlim_cur = 1024 * 1024, .rlim_max = before.rlim_max};

	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	rc = password_verify(hash, "x", 1);
	setrlimit(RLIMIT_AS, &before);

	assert_int_equal(rc, TM_ENOMEM);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_same_password_is_right),
		cmocka_unit_test(test_one_that_cannot_be_checked_is_not_called_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
