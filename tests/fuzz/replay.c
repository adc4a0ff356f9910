/* Gives a target each file of the folders that are named, one after another, and cuts of the short
 * ones: the same code under an ordinary compiler and without libFuzzer. */
#include "fuzz.h"

#include "base/buf.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>

/* Up to so many bytes a file is also replayed cut short at each place. */
enum { CUT_MOST = 64 };

static char current[1024];

static void on_crash(int number)
{
	(void)number;
	fprintf(stderr, "while replaying %s\n", current);
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* In memory of just its size, so that a sanitizer sees a read beyond it. */
static void replay(const char *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	must(copy != NULL);
	if (len > 0)
		memcpy(copy, bytes, len);
	fuzz_one(copy, len);
	free(copy);
}

static void replay_file(const char *folder, const char *name)
{
	struct buf bytes = BUF_EMPTY;
	char chunk[4096];
	FILE *file;
	size_t n;

	snprintf(current, sizeof current, "%s/%s", folder, name);
	file = fopen(current, "rb");
	must(file != NULL);
	while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
		buf_append(&bytes, chunk, n);
	fclose(file);
	must(!bytes.failed);
	replay(bytes.data, bytes.len);
	for (size_t len = 0; bytes.len <= CUT_MOST && len < bytes.len; len++)
		replay(bytes.data, len);
	buf_free(&bytes);
}

int main(int count, char **folders)
{
	unsigned files = 0;

	signal(SIGABRT, on_crash);
	signal(SIGPIPE, SIG_IGN);
	fuzz_start();
	for (int i = 1; i < count; i++) {
		struct dirent *entry;
		DIR *dir = opendir(folders[i]);

		must(dir != NULL);
		while ((entry = readdir(dir)) != NULL) {
			if (entry->d_name[0] == '.')
				continue;
			replay_file(folders[i], entry->d_name);
			files++;
		}
		closedir(dir);
	}
	printf("%u passed, 0 failed\n", files);
	return files > 0 ? 0 : 1;
}
