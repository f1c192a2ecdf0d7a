/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IMA measurement list: its bytes come from whoever is root on the host. What is read is written
 * again from its parts and must be the same bytes; what replays must lead ima_advance to the same value;
 * judging must not fall over whatever stands in it. Template digests are in the way of a fuzzer, so the
 * input is taken twice: as it is, and with each digest put right.
 */
#include "firmware/ima_rules.h"

#include <assert.h>
#include <stdlib.h>

static void put_le32(struct buf *out, size_t value)
{
	for (int i = 0; i < 4; i++)
		buf_put_u8(out, (uint8_t)(value >> 8 * i));
}

/* The entry from its parts; digest is what stands for the template digest. */
static void put_entry(struct buf *out, const struct ima_entry *entry, struct bytes digest)
{
	put_le32(out, entry->pcr);
	buf_put(out, digest);
	put_le32(out, entry->name.len);
	buf_put(out, entry->name);
	if (entry->old) {
		buf_put(out, entry->digest);
		put_le32(out, entry->path.len);
		buf_put(out, entry->path);
		return;
	}
	put_le32(out, entry->data.len);
	buf_put(out, entry->data);
}

/* Reads all; writes it again, and with digests that match. False when it is malformed. */
static bool rewrite(struct bytes in, struct buf *same, struct buf *right)
{
	struct ima_log log;
	struct ima_entry entry;
	struct digest digest;
	struct err err;

	if (!ima_log_open(in, DIGEST_SHA1, 0, &log, &err))
		return false;
	while (!ima_log_end(&log)) {
		if (!ima_log_next(&log, &entry, &err))
			return false;
		assert(entry.offset + entry.len == log.at && entry.pcr < IMA_PCRS);
		assert(entry.digest_type == IMA_DIGEST_NONE || entry.digest.len >= 16);
		assert(!entry.path.len || !memchr(entry.path.data, '\0', entry.path.len));
		put_entry(same, &entry, entry.template_digest);
		if (!ima_template_digest(&entry, DIGEST_SHA1, &digest, &err))
			abort();
		put_entry(right, &entry,
			entry.violation ? entry.template_digest : digest_bytes(&digest));
	}
	assert(bytes_equal(buf_bytes(same), in));
	return true;
}

static const char rule_lines[] =
	"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  /bin/x\n"
	"signed distro /usr/**\nignore /var/**\nkernel 6.1\nbuffer selinux-state *\n"
	"glob sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  /opt/*\n";

static struct ima_rules *the_rules(void)
{
	static struct ima_rules *rules;
	struct err err;

	if (!rules && !ima_rules_parse(BYTES_LIT(rule_lines), &rules, &err))
		abort();
	return rules;
}

static void show(const struct ima_findings *findings, struct bytes in)
{
	OWNED(buf_release) struct buf text = {0};
	struct ima_log log;
	struct ima_entry entry;
	struct err err;

	for (size_t i = 0; i < findings->count; i++) {
		ima_finding_text(&findings->list[i], &text);
		ima_finding_rule(&findings->list[i], &text);
	}
	if (!ima_log_open(in, DIGEST_SHA1, 0, &log, &err))
		abort();
	while (!ima_log_end(&log) && ima_log_next(&log, &entry, &err))
		ima_entry_text(&entry, &text);
	for (size_t i = 0; i < text.len; i++)
		assert(text.data[i] >= ' ' && text.data[i] != 0x7f);
}

/* The replayed value leads there, and what the state keeps comes back. */
static void appraise(struct bytes in, struct bytes value, uint64_t entries)
{
	struct ima_input input = {.log = in, .quoted = {value}, .rules = the_rules()};
	struct ima_state start, made, back;
	struct ima_result result;
	OWNED(buf_release) struct buf state = {0};
	struct err err;

	if (!ima_state_start(&start, DIGEST_SHA256, DIGEST_SHA1, &err))
		abort();
	assert(ima_appraise(&start, &input, &made, &result, &err));
	assert(result.advance.matched);
	assert(result.advance.attested + result.advance.waiting == entries);
	assert(made.next == result.advance.attested);
	if (!ima_state_encode(&made, &state, &err))
		abort();
	assert(ima_state_decode(buf_bytes(&state), &back, &err));
	assert(memcmp(&back, &made, sizeof(back)) == 0);
	show(&result.findings, in);
}

static void assert_state_round_trip(struct bytes in)
{
	OWNED(buf_release) struct buf out = {0};
	struct ima_state state;
	struct err err;

	if (!ima_state_decode(in, &state, &err))
		return;
	assert(ima_state_encode(&state, &out, &err));
	assert(bytes_equal(buf_bytes(&out), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf same = {0}, right = {0};
	struct bytes in = bytes_of(data, size);
	struct ima_pcrs pcrs, again;
	struct ima_log log;
	struct err err;
	bool replays;

	assert_state_round_trip(in);
	if (ima_log_open(in, DIGEST_NONE, 0, &log, &err))
		assert(digest_alg_len(log.alg) != 0 && log.at == 0);
	assert(ima_log_whole(in, DIGEST_SHA1) <= size);
	replays = ima_replay(in, DIGEST_SHA1, DIGEST_SHA256, IMA_EXTEND_OWN, &again, &err);
	if (!rewrite(in, &same, &right)) {
		assert(!replays);
		return 0;
	}
	assert(ima_replay(
		buf_bytes(&right), DIGEST_SHA1, DIGEST_SHA256, IMA_EXTEND_OWN, &pcrs, &err));
	assert(!replays || memcmp(&pcrs, &again, sizeof(pcrs)) == 0);
	appraise(buf_bytes(&right), bytes_of(pcrs.value[IMA_PCR], SHA256_LEN), pcrs.entries);
	return 0;
}
