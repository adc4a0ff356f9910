#include "text/csv_out.h"

#include <stdbool.h>
#include <string.h>

/* An empty field is quoted because a row of a single one would be an empty line; blanks at the ends
 * because other readers drop them; a byte order mark because at the start of a file it is dropped.
 */
static bool needs_quotes(const char *text, size_t len)
{
	if (len == 0 || text[0] == ' ' || text[0] == '\t' || text[len - 1] == ' ' ||
		text[len - 1] == '\t' || text[0] == '\xef')
		return true;
	for (size_t i = 0; i < len; i++)
		if (text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r')
			return true;
	return false;
}

void csv_out_field(struct buf *out, const char *text, size_t len)
{
	if (!needs_quotes(text, len)) {
		buf_append(out, text, len);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, text[i]);
	}
	buf_putc(out, '"');
}
