/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/ima.h"

#include "base/text.h"
#include "firmware/ima_template.h"

#define HEAD_LEN 28 /* of an entry whose template digest is SHA-1, up to the template's name */

static const enum digest_alg widths[] = {DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

bool ima_log_end(const struct ima_log *log)
{
	return log->at == log->in.len;
}

static bool all_zero(struct bytes in)
{
	static const uint8_t zeros[DIGEST_LEN_MAX];

	return memcmp(in.data, zeros, in.len) == 0;
}

/* Looks the template up, unless it is the one of the entry before. */
static bool find_template(struct ima_log *log, struct bytes name, struct err *err)
{
	if (log->field_count && bytes_equal(log->name, name))
		return true;
	log->field_count = 0;
	if (!ima_template_fields(name, log->field, &log->field_count, err))
		return false;
	log->name = name;
	return true;
}

static bool read_head(struct reader *r, enum digest_alg alg, struct ima_entry *ret, struct err *err)
{
	size_t name_len;

	ret->pcr = rd_le32(r, "pcr");
	ret->template_digest = rd_bytes(r, digest_alg_len(alg), "template digest");
	name_len = rd_le32(r, "template name");
	if (!rd_failed(r) && ret->pcr >= IMA_PCRS)
		return err_set(err, ERR_FORMAT, "PCR %u is none", ret->pcr);
	if (!rd_failed(r) && (name_len == 0 || name_len > IMA_NAME_MAX))
		return err_set(err, ERR_LIMIT, "template name of %zu bytes, not 1 to %d", name_len,
			IMA_NAME_MAX);
	ret->name = rd_bytes(r, name_len, "template name");
	return true;
}

static bool read_data(struct ima_log *log, struct reader *r, struct ima_entry *ret, struct err *err)
{
	struct reader sub;
	size_t start, len;

	ret->old = bytes_equal_str(ret->name, "ima");
	if (ret->old) {
		start = r->at;
		ima_fields_read_old(r, ret);
		if (!rd_failed(r))
			ret->data = bytes_of(r->in.data + start, r->at - start);
		return true;
	}
	len = rd_le32(r, "template data");
	if (len > IMA_DATA_MAX)
		return err_set(err, ERR_LIMIT, "template data of %zu bytes, more than %u", len,
			IMA_DATA_MAX);
	sub = rd_sub(r, len, "template data");
	ret->data = sub.in;
	if (!ima_fields_read(&sub, log->field, log->field_count, ret, err))
		return false;
	rd_sub_finish(r, &sub, "template data");
	return true;
}

static bool read_entry(struct ima_log *log, struct ima_entry *ret, struct err *err)
{
	struct reader r = {.in = log->in, .at = log->at};

	if (!read_head(&r, log->alg, ret, err))
		return false;
	if (!rd_failed(&r) && !find_template(log, ret->name, err))
		return false;
	if (!rd_failed(&r) && !read_data(log, &r, ret, err))
		return false;
	if (rd_failed(&r))
		return rd_finish(&r, err);
	ret->violation = all_zero(ret->template_digest);
	ret->number = log->next;
	ret->offset = log->at;
	ret->len = r.at - log->at;
	return true;
}

bool ima_log_next(struct ima_log *log, struct ima_entry *ret, struct err *err)
{
	if (log->next >= IMA_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u entries", IMA_ENTRIES_MAX);
	memset(ret, 0, sizeof(*ret));
	if (!read_entry(log, ret, err))
		return err_wrap(err, "entry %llu", (unsigned long long)log->next);
	log->at += ret->len;
	log->next++;
	return true;
}

/* The width under which the first entry reads well. The error is that of SHA-1, or of a width under
 * which all but a name is known. */
static bool find_width(struct ima_log *log, struct err *err)
{
	struct err first = {0};

	for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
		struct ima_log trial = *log;
		struct ima_entry entry;
		struct err fault = {0};

		trial.alg = widths[i];
		if (ima_log_next(&trial, &entry, &fault)) {
			log->alg = widths[i];
			return true;
		}
		if (i == 0 || (fault.code == ERR_UNSUPPORTED && first.code != ERR_UNSUPPORTED))
			first = fault;
	}
	return err_set(err, first.code, "%s", first.text);
}

bool ima_log_open(
	struct bytes in, enum digest_alg alg, uint64_t first, struct ima_log *ret, struct err *err)
{
	struct ima_log log = {.in = in, .alg = alg, .next = first};

	if (alg == DIGEST_NONE && in.len == 0)
		log.alg = DIGEST_SHA1;
	else if (alg == DIGEST_NONE && !find_width(&log, err))
		return err_wrap(err, "IMA log");
	if (digest_alg_len(log.alg) == 0)
		return err_set(err, ERR_UNSUPPORTED,
			"IMA log: template digests of algorithm 0x%04x", (unsigned)alg);
	*ret = log;
	return true;
}

size_t ima_log_whole(struct bytes in, enum digest_alg alg)
{
	struct ima_log log;
	struct ima_entry entry;

	if (!ima_log_open(in, alg, 0, &log, NULL))
		return in.len;
	while (!ima_log_end(&log))
		if (!ima_log_next(&log, &entry, NULL))
			return in.len - log.at < HEAD_LEN ? log.at : in.len;
	return in.len;
}

bool ima_template_digest(
	const struct ima_entry *entry, enum digest_alg alg, struct digest *ret, struct err *err)
{
	static const uint8_t zeros[IMA_OLD_PATH_MAX + 1];
	struct bytes parts[] = {entry->digest, entry->path,
		{zeros, sizeof(zeros) - (entry->old ? entry->path.len : 0)}};

	if (!entry->old)
		return digest_of(alg, entry->data, ret, err);
	return digest_of_parts(alg, parts, ARRAY_LEN(parts), ret, err);
}

bool ima_digest_is(const struct ima_entry *entry, const struct digest *made, struct err *err)
{
	if (bytes_equal(digest_bytes(made), entry->template_digest))
		return true;
	return err_set(err, ERR_MISMATCH,
		"entry %llu: template digest does not match the template data (path \"%s\")",
		(unsigned long long)entry->number, ESC(entry->path));
}

bool ima_entry_check(const struct ima_entry *entry, enum digest_alg log_alg, struct err *err)
{
	struct digest made;

	if (entry->violation)
		return true;
	return ima_template_digest(entry, log_alg, &made, err) && ima_digest_is(entry, &made, err);
}
