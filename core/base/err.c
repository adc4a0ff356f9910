#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return code;
	err->code = code;
	va_start(args, format);
	vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	return code;
}

const char *err_name(int code)
{
	switch (code) {
	case TM_OK:
		return "ok";
	case TM_ENOMEM:
		return "no memory";
	case TM_EINVAL:
		return "invalid";
	case TM_ENOENT:
		return "not found";
	case TM_EBUSY:
		return "busy";
	case TM_EIO:
		return "i/o error";
	case TM_EFULL:
		return "full";
	case TM_EINTR:
		return "interrupted";
	case TM_EUNIQUE:
		return "not unique";
	case TM_ELOST:
		return "group lost";
	case TM_ESCRIPT:
		return "script error";
	case TM_EUNKNOWN:
		return "outcome unknown";
	case TM_EBUDGET:
		return "over budget";
	case TM_EGIVEWAY:
		return "gives way";
	default:
		return "unknown error";
	}
}
