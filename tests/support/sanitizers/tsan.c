/* Linked under ThreadSanitizer only, which knows what a program does by the library functions that
 * it calls. Debian's libraries go two ways of which it knows nothing; these lead back to ones that
 * it knows. */
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Lua leaves a coroutine, and raises an error, through this one of glibc's. Unseen, the call stack
 * that ThreadSanitizer keeps grows with each of them, shows callers that are long gone, and
 * overflows in the end. */
void __longjmp_chk(jmp_buf place, int value);

void __longjmp_chk(jmp_buf place, int value)
{
	longjmp(place, value);
}

/* libuv closes files by the system call itself. Unseen, what a thread did with a file is held
 * against the next thread whose file has the same number. */
long syscall(long number, ...)
{
	static long (*next)(long number, ...);
	long (*real)(long number, ...) = __atomic_load_n(&next, __ATOMIC_ACQUIRE);
	long a[6];
	va_list rest;

	va_start(rest, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(rest, long);
	va_end(rest);
	if (number == SYS_close)
		return close((int)a[0]);
	if (real == NULL) {
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
		__atomic_store_n(&next, real, __ATOMIC_RELEASE);
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
