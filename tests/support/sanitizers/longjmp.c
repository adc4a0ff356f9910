/* Linked under ThreadSanitizer only. Debian's Lua leaves a coroutine, and raises an error, through
 * glibc's __longjmp_chk, of which ThreadSanitizer knows nothing: its own idea of the call stack
 * then grows with each of them, shows callers that are long gone, and overflows in the end. It does
 * know longjmp. */
#undef _FORTIFY_SOURCE
#include <setjmp.h>

void __longjmp_chk(jmp_buf place, int value);

void __longjmp_chk(jmp_buf place, int value)
{
	longjmp(place, value);
}
