/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/systemd_log.h"

#include "base/json.h"
#include "base/text.h"

enum {
	RECORD_SEPARATOR = 0x1e,
	RECORD_MAX = 16384,
	STRING_CUT = 1024, /* systemd cuts the word here before it escapes it, and appends "..." */
	STRING_MAX = 4 * STRING_CUT + 3,
	BOOT_ID_LEN = 32,
};

/* Of these systemd extends the very string that it logs. */
static const char *const types_covered[] = {"phase", "filesystem", "machine-id"};

struct walk {
	size_t count;
	char boot_id[BOOT_ID_LEN + 1];
};

static bool type_is_covered(struct bytes type)
{
	for (size_t i = 0; i < ARRAY_LEN(types_covered); i++)
		if (bytes_equal_str(type, types_covered[i]))
			return true;
	return false;
}

static int octal_of(struct bytes in, size_t at)
{
	int value = 0;

	if (in.len - at < 3)
		return -1;
	for (size_t i = at; i < at + 3; i++) {
		if (in.data[i] < '0' || in.data[i] > '7')
			return -1;
		value = value * 8 + (in.data[i] - '0');
	}
	return value > UINT8_MAX ? -1 : value;
}

/* Undoes systemd's cescape; false for what it never writes. */
static bool unescape(struct bytes in, struct buf *out)
{
	static const char letters[] = "abfnrtv\\\"'", values[] = "\a\b\f\n\r\t\v\\\"'";

	for (size_t i = 0; i < in.len; i++) {
		const char *letter;
		int octal;

		if (in.data[i] != '\\') {
			buf_put_u8(out, in.data[i]);
			continue;
		}
		if (++i == in.len)
			return false;
		letter = memchr(letters, in.data[i], sizeof(letters) - 1);
		octal = letter ? values[letter - letters] : octal_of(in, i);
		if (octal < 0)
			return false;
		buf_put_u8(out, (uint8_t)octal);
		i += letter ? 0 : 2;
	}
	return true;
}

/* Whether the word was cut, so that no more than its beginning is known. */
static bool was_cut(const struct buf *word)
{
	return word->len == STRING_CUT + 3 && memcmp(word->data + STRING_CUT, "...", 3) == 0;
}

static bool check_coverage(struct systemd_event *event, struct err *err)
{
	OWNED(buf_release) struct buf word = {0};
	bool equal = event->digest_count > 0;

	if (!unescape(event->string, &word))
		equal = false;
	if (!buf_ok(&word, err))
		return false;
	for (size_t i = 0; equal && i < event->digest_count; i++) {
		struct digest digest;

		if (!digest_of(event->digests[i].alg, buf_bytes(&word), &digest, err))
			return false;
		equal = digest_equal(&digest, &event->digests[i]);
	}
	event->coverage = equal ? SYSTEMD_COVERED : SYSTEMD_UNCOVERED;
	if (!equal && type_is_covered(event->type) && !was_cut(&word))
		return err_set(err, ERR_MISMATCH,
			"string: \"%s\" is not what was extended for the event \"%s\"",
			ESC(event->string), ESC(event->type));
	return true;
}

static void read_digest(struct json_fields *f, const json_t *object, struct systemd_event *event)
{
	static const char *const keys[] = {"hashAlg", "digest", NULL};
	struct digest *digest = &event->digests[event->digest_count];
	const char *name = json_need_str(f, object, "hashAlg", 32);

	json_only_keys(f, object, keys);
	digest->alg = digest_alg_of_name(bytes_str(name));
	digest->len = (uint8_t)digest_alg_len(digest->alg);
	if (digest->alg == DIGEST_NONE) {
		(void)json_need_str(f, object, "digest", (size_t)2 * DIGEST_LEN_MAX);
		return;
	}
	json_need_hex(f, object, "digest", digest->bytes, digest->len);
	for (size_t i = 0; i < event->digest_count; i++)
		if (event->digests[i].alg == digest->alg)
			json_fields_fail(f, "hashAlg", "repeated");
	event->digest_count++;
}

static void read_content(struct json_fields *f, const json_t *content, struct walk *walk,
	struct systemd_event *event)
{
	static const char *const keys[] = {
		"string", "bootId", "timestamp", "eventType", "nvIndexName", NULL};
	const char *boot_id = json_need_str(f, content, "bootId", BOOT_ID_LEN);
	uint8_t id[BOOT_ID_LEN / 2];

	json_only_keys(f, content, keys);
	event->string = bytes_str(json_want_str(f, content, "string", STRING_MAX));
	event->type = bytes_str(json_want_str(f, content, "eventType", 64));
	(void)json_want_str(f, content, "nvIndexName", 64);
	event->timestamp = (uint64_t)json_need_int(f, content, "timestamp", 0, INT64_MAX);
	event->boot_id = bytes_str(boot_id);
	json_need_hex(f, content, "bootId", id, sizeof(id));
	if (walk->boot_id[0] == '\0')
		(void)snprintf(walk->boot_id, sizeof(walk->boot_id), "%s", boot_id);
	else if (strcmp(walk->boot_id, boot_id) != 0)
		json_fields_fail(f, "bootId", "not that of the events before");
}

static void read_target(struct json_fields *f, const json_t *root, struct systemd_event *event)
{
	event->nv = json_object_get(root, "nv_index") != NULL;
	if (event->nv && json_object_get(root, "pcr"))
		json_fields_fail(f, "nv_index", "beside a PCR");
	event->pcr = event->nv ? (uint32_t)json_need_int(f, root, "nv_index", 0, UINT32_MAX)
			       : (uint32_t)json_need_int(f, root, "pcr", 0, SYSTEMD_LOG_PCRS - 1);
}

static bool read_record(
	const json_t *root, struct walk *walk, struct systemd_event *event, struct err *err)
{
	static const char *const keys[] = {
		"pcr", "nv_index", "digests", "content_type", "content", "recnum", NULL};
	struct json_fields f = json_fields_of("record");
	const json_t *digests = json_need_array(&f, root, "digests", SYSTEMD_LOG_BANKS_MAX);
	const json_t *content = json_need_object(&f, root, "content");

	json_only_keys(&f, root, keys);
	(void)json_want_int(&f, root, "recnum", 0, INT64_MAX, 0);
	read_target(&f, root, event);
	if (strcmp(json_need_str(&f, root, "content_type", 16), "systemd") != 0)
		json_fields_fail(&f, "content_type", "not \"systemd\"");
	for (size_t i = 0; i < json_array_size(digests); i++)
		read_digest(&f, json_array_get(digests, i), event);
	if (json_array_size(digests) == 0)
		json_fields_fail(&f, "digests", "empty");
	if (content)
		read_content(&f, content, walk, event);
	return json_fields_ok(&f, err);
}

static bool walk_record(
	struct bytes text, struct walk *walk, systemd_event_fn *fn, void *context, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	struct systemd_event event = {.number = ++walk->count};

	if (walk->count > SYSTEMD_LOG_EVENTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d events", SYSTEMD_LOG_EVENTS_MAX);
	return json_open(text, RECORD_MAX, &root, err) && read_record(root, walk, &event, err) &&
	       check_coverage(&event, err) && (!fn || fn(context, &event, err));
}

bool systemd_log_walk(struct bytes log, systemd_event_fn *fn, void *context, struct err *err)
{
	struct walk walk = {0};

	if (log.len > SYSTEMD_LOG_MAX)
		return err_set(err, ERR_LIMIT, "systemd log: more than %u bytes", SYSTEMD_LOG_MAX);
	for (size_t at = 0; at < log.len;) {
		const uint8_t *end;
		size_t start = at + 1;

		if (log.data[at] != RECORD_SEPARATOR)
			return err_set(err, ERR_FORMAT,
				"systemd log: no record separator at offset %zu", at);
		end = memchr(log.data + start, '\n', log.len - start);
		if (!end)
			return err_set(err, ERR_FORMAT,
				"systemd log: the record at offset %zu has no end", at);
		at = (size_t)(end - log.data) + 1;
		if (!walk_record(
			    bytes_of(log.data + start, at - 1 - start), &walk, fn, context, err))
			return err_wrap(err, "systemd log, event %zu", walk.count);
	}
	return true;
}

struct replay {
	enum digest_alg bank;
	struct digest *pcrs;
	uint32_t touched;
};

static bool replay_event(void *context, const struct systemd_event *event, struct err *err)
{
	struct replay *replay = context;

	if (event->nv)
		return true;
	for (size_t i = 0; i < event->digest_count; i++) {
		struct digest *pcr = &replay->pcrs[event->pcr];
		struct bytes parts[] = {digest_bytes(pcr), digest_bytes(&event->digests[i])};

		if (event->digests[i].alg != replay->bank)
			continue;
		replay->touched |= UINT32_C(1) << event->pcr;
		return digest_of_parts(replay->bank, parts, ARRAY_LEN(parts), pcr, err);
	}
	return err_set(err, ERR_FORMAT, "no %s digest", digest_alg_name(replay->bank));
}

bool systemd_log_replay(struct bytes log, enum digest_alg bank,
	struct digest pcrs[SYSTEMD_LOG_PCRS], uint32_t *ret_touched, struct err *err)
{
	struct replay replay = {.bank = bank, .pcrs = pcrs};

	if (!systemd_log_walk(log, replay_event, &replay, err))
		return false;
	*ret_touched = replay.touched;
	return true;
}

void systemd_event_line(const struct systemd_event *event, struct buf *out)
{
	char string[512], type[80];

	buf_printf(
		out, event->nv ? "%zu NV index 0x%x " : "%zu PCR %u ", event->number, event->pcr);
	buf_printf(out, "%s: %s%s",
		event->type.len ? text_escape(event->type, type, sizeof(type)) : "event",
		text_escape(event->string, string, sizeof(string)),
		event->coverage == SYSTEMD_COVERED ? "" : " (not covered by its digest)");
}
