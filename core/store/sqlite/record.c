#include "store/sqlite/record.h"

#include "base/log.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
	FILE *file;
	unsigned statements;
};

static void put_u32(struct record *record, size_t number)
{
	uint32_t little = htole32((uint32_t)number);

	fwrite(&little, sizeof little, 1, record->file);
}

static void put_64(struct record *record, const void *bits)
{
	uint64_t little;

	memcpy(&little, bits, sizeof little);
	little = htole64(little);
	fwrite(&little, sizeof little, 1, record->file);
}

static void put_bytes(struct record *record, const char *bytes, size_t len)
{
	put_u32(record, len);
	fwrite(bytes, 1, len, record->file);
}

static void put_value(struct record *record, const struct store_value *value)
{
	putc("nirtb"[value->type], record -> file);
	switch (value->type) {
	case STORE_NULL:
		break;
	case STORE_INT:
		put_64(record, &value->integer);
		break;
	case STORE_REAL:
		put_64(record, &value->real);
		break;
	case STORE_TEXT:
	case STORE_BLOB:
		put_bytes(record, value->bytes.data, value->bytes.len);
		break;
	}
}

int store_record_open(struct record **out, const char *path, struct err *err)
{
	struct record *record = calloc(1, sizeof *record);

	if (record == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	record->file = fopen(path, "wbe");
	if (record->file == NULL) {
		free(record);
		return err_set(err, TM_EIO, "%s: %s", path, strerror(errno));
	}
	fputs("tidemill-record 1\n", record->file);
	*out = record;
	return 0;
}

void store_record_run(struct record *record, struct statement *statement,
	const struct store_value *params, int count)
{
	if (statement->record_id == 0) {
		statement->record_id = ++record->statements;
		putc('S', record->file);
		put_u32(record, statement->record_id);
		put_bytes(record, statement->sql, statement->len);
	}
	putc('Q', record->file);
	put_u32(record, statement->record_id);
	put_u32(record, (size_t)count);
	for (int i = 0; i < count; i++)
		put_value(record, &params[i]);
}

void store_record_close(struct record *record)
{
	if (record == NULL)
		return;
	if (ferror(record->file) | fclose(record->file))
		log_event(LOG_ERROR, "record", "the record of statements is not whole");
	free(record);
}
