/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"
#include "firmware/ima_template.h"

#define SHA1_LEN 20

static const char *const extend_names[] = {
	[IMA_EXTEND_UNKNOWN] = "unknown",
	[IMA_EXTEND_OWN] = "own",
	[IMA_EXTEND_PADDED] = "padded",
	[IMA_EXTEND_PADDED_OLD] = "padded-old",
};
static_assert(ARRAY_LEN(extend_names) == IMA_EXTENDS, "a name for each way to extend");

const char *ima_extend_name(enum ima_extend extend)
{
	return extend < IMA_EXTENDS ? extend_names[extend] : "unknown";
}

/* What replaying one entry takes. */
struct replay {
	enum digest_alg log_alg, bank;
	enum ima_extend extend;
};

/* What the kernel extended for an entry. Checks the template digest on the way. */
static bool extended(
	const struct replay *replay, const struct ima_entry *entry, uint8_t *out, struct err *err)
{
	bool own = replay->extend == IMA_EXTEND_OWN;
	enum digest_alg alg = own ? replay->bank : DIGEST_SHA1;
	size_t len = digest_alg_len(replay->bank);
	struct digest logged, made;

	memset(out, 0, DIGEST_LEN_MAX);
	if (entry->violation) {
		memset(out, 0xff, replay->extend == IMA_EXTEND_PADDED_OLD ? SHA1_LEN : len);
		return true;
	}
	if (!ima_template_digest(entry, replay->log_alg, &logged, err) ||
		!ima_digest_is(entry, &logged, err))
		return false;
	if (alg == replay->log_alg)
		made = logged;
	else if (!ima_template_digest(entry, alg, &made, err))
		return false;
	memcpy(out, made.bytes, made.len < len ? made.len : len);
	return true;
}

static bool extend_value(
	const struct replay *replay, const struct ima_entry *entry, uint8_t *value, struct err *err)
{
	size_t len = digest_alg_len(replay->bank);
	uint8_t both[2 * DIGEST_LEN_MAX];
	struct digest made;

	if (!extended(replay, entry, both + len, err))
		return false;
	memcpy(both, value, len);
	if (!digest_of(replay->bank, bytes_of(both, 2 * len), &made, err))
		return false;
	memcpy(value, made.bytes, len);
	return true;
}

bool ima_replay(struct bytes in, enum digest_alg log_alg, enum digest_alg bank,
	enum ima_extend extend, struct ima_pcrs *ret, struct err *err)
{
	struct ima_pcrs pcrs = {.bank = bank};
	struct ima_log log;

	if (digest_alg_len(bank) == 0 || extend <= IMA_EXTEND_UNKNOWN || extend >= IMA_EXTENDS)
		return err_set(err, ERR_USAGE, "IMA replay: no such bank or way to extend it");
	if (!ima_log_open(in, log_alg, 0, &log, err))
		return false;
	struct replay replay = {log.alg, bank, extend};
	while (!ima_log_end(&log)) {
		struct ima_entry entry;

		if (!ima_log_next(&log, &entry, err) ||
			!extend_value(&replay, &entry, pcrs.value[entry.pcr], err))
			return err_wrap(err, "IMA log");
		pcrs.used |= 1u << entry.pcr;
		pcrs.entries++;
		pcrs.violations += entry.violation;
	}
	*ret = pcrs;
	return true;
}

/* ---- The state ---- */

bool ima_state_start(
	struct ima_state *ret, enum digest_alg bank, enum digest_alg log_alg, struct err *err)
{
	if (bank != DIGEST_SHA256 && bank != DIGEST_SHA384 && bank != DIGEST_SHA512)
		return err_set(err, ERR_UNSUPPORTED, "IMA: %s bank is not appraised",
			digest_alg_name(bank));
	if (digest_alg_len(log_alg) == 0)
		return err_set(err, ERR_UNSUPPORTED, "IMA: log of %s", digest_alg_name(log_alg));
	*ret = (struct ima_state){
		.bank = (uint16_t)bank,
		.log_alg = (uint16_t)log_alg,
		.tracked = 1,
		.pcr = {IMA_PCR},
	};
	return true;
}

bool ima_state_track(struct ima_state *state, uint32_t pcr, struct bytes start, struct err *err)
{
	if (state->tracked == 0 || state->tracked >= IMA_TRACKED || state->next != 0)
		return err_set(err, ERR_USAGE, "IMA: no further PCR can be tracked");
	if (pcr >= IMA_PCRS || pcr == IMA_PCR)
		return err_set(err, ERR_USAGE, "IMA: PCR %u is none to track besides", pcr);
	if (start.len != digest_alg_len((enum digest_alg)state->bank))
		return err_set(
			err, ERR_FORMAT, "IMA: start of PCR %u is not as wide as its bank", pcr);
	state->pcr[state->tracked] = (uint8_t)pcr;
	memcpy(state->value[state->tracked], start.data, start.len);
	state->tracked++;
	return true;
}

bool ima_state_encode(const struct ima_state *state, struct buf *out, struct err *err)
{
	buf_put_be64(out, state->next);
	buf_put_be16(out, state->bank);
	buf_put_be16(out, state->log_alg);
	buf_put_u8(out, state->extend);
	buf_put_u8(out, state->tracked);
	buf_put(out, BYTES_OF(state->pcr));
	for (size_t i = 0; i < IMA_TRACKED; i++)
		buf_put(out, BYTES_OF(state->value[i]));
	buf_put_be64(out, state->seen);
	buf_put_be32(out, state->violations);
	buf_put_be32(out, state->modules);
	buf_put_be32(out, state->modules_unsigned);
	buf_put_be32(out, state->flags);
	return buf_ok(out, err);
}

/* The state is one that ima_advance can have left. */
static bool state_is_sound(const struct ima_state *state)
{
	enum digest_alg bank = (enum digest_alg)state->bank;

	return (bank == DIGEST_SHA256 || bank == DIGEST_SHA384 || bank == DIGEST_SHA512) &&
	       digest_alg_len((enum digest_alg)state->log_alg) != 0 &&
	       state->extend < IMA_EXTENDS && state->tracked >= 1 &&
	       state->tracked <= IMA_TRACKED && state->pcr[0] == IMA_PCR &&
	       state->pcr[1] < IMA_PCRS && state->next <= IMA_ENTRIES_MAX &&
	       (state->next == 0) == (state->extend == IMA_EXTEND_UNKNOWN);
}

bool ima_state_decode(struct bytes in, struct ima_state *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct ima_state state = {0};

	state.next = rd_be64(&r, "next");
	state.bank = rd_be16(&r, "bank");
	state.log_alg = rd_be16(&r, "log_alg");
	state.extend = rd_u8(&r, "extend");
	state.tracked = rd_u8(&r, "tracked");
	for (size_t i = 0; i < IMA_TRACKED; i++)
		state.pcr[i] = rd_u8(&r, "pcr");
	for (size_t i = 0; i < IMA_TRACKED; i++) {
		struct bytes value = rd_bytes(&r, DIGEST_LEN_MAX, "value");

		if (value.len)
			memcpy(state.value[i], value.data, value.len);
	}
	state.seen = rd_be64(&r, "seen");
	state.violations = rd_be32(&r, "violations");
	state.modules = rd_be32(&r, "modules");
	state.modules_unsigned = rd_be32(&r, "modules_unsigned");
	state.flags = rd_be32(&r, "flags");
	if (!rd_finish(&r, err))
		return err_wrap(err, "IMA state");
	if (!state_is_sound(&state))
		return err_set(err, ERR_FORMAT, "IMA state: not one that an appraisal leaves");
	*ret = state;
	return true;
}

/* ---- Advancing ---- */

static bool values_match(const struct ima_state *state, const struct bytes quoted[IMA_TRACKED])
{
	size_t len = digest_alg_len((enum digest_alg)state->bank);

	for (size_t i = 0; i < state->tracked; i++)
		if (memcmp(state->value[i], quoted[i].data, len) != 0)
			return false;
	return true;
}

static uint8_t *tracked_value(struct ima_state *state, uint32_t pcr)
{
	for (size_t i = 0; i < state->tracked; i++)
		if (state->pcr[i] == pcr)
			return state->value[i];
	return NULL;
}

/* Replays one way. *log is left behind the last attested entry. A running value that once matched
 * does not come again, so the first match ends it. */
static bool advance_one_way(struct ima_state *state, struct ima_log *log,
	const struct bytes quoted[IMA_TRACKED], struct ima_advance *result, struct err *err)
{
	struct replay replay = {log->alg, (enum digest_alg)state->bank, result->extend};

	result->matched = values_match(state, quoted);
	while (!result->matched && !ima_log_end(log)) {
		struct ima_entry entry;

		if (!ima_log_next(log, &entry, err))
			return false;
		uint8_t *value = tracked_value(state, entry.pcr);
		if (value ? !extend_value(&replay, &entry, value, err)
			  : !ima_entry_check(&entry, log->alg, err))
			return false;
		result->violations += entry.violation;
		result->attested++;
		result->attested_len = log->at;
		result->matched = value && values_match(state, quoted);
	}
	return true;
}

static bool count_rest(struct ima_log *log, uint64_t *ret, struct err *err)
{
	struct ima_entry entry;
	uint64_t count = 0;

	for (; !ima_log_end(log); count++)
		if (!ima_log_next(log, &entry, err))
			return false;
	*ret = count;
	return true;
}

static bool check_input(const struct ima_state *state, uint64_t first,
	const struct bytes quoted[IMA_TRACKED], struct err *err)
{
	if (!state_is_sound(state))
		return err_set(err, ERR_USAGE, "IMA: no state to go on from");
	if (first != state->next)
		return err_set(err, ERR_MISMATCH,
			"IMA: log begins with entry %llu where %llu is the next",
			(unsigned long long)first, (unsigned long long)state->next);
	for (size_t i = 0; i < state->tracked; i++)
		if (quoted[i].len != digest_alg_len((enum digest_alg)state->bank))
			return err_set(err, ERR_FORMAT,
				"IMA: value of PCR %u is not as wide as its bank", state->pcr[i]);
	return true;
}

bool ima_advance(const struct ima_state *state, struct bytes in, uint64_t first,
	const struct bytes quoted[IMA_TRACKED], bool padded, struct ima_state *ret_state,
	struct ima_advance *ret, struct err *err)
{
	struct ima_log start;

	if (!check_input(state, first, quoted, err) ||
		!ima_log_open(in, (enum digest_alg)state->log_alg, first, &start, err))
		return false;
	for (int extend = IMA_EXTEND_OWN; extend < IMA_EXTENDS; extend++) {
		struct ima_state made = *state;
		struct ima_advance result = {.first = first, .extend = (enum ima_extend)extend};
		struct ima_log log = start;

		if ((state->extend && state->extend != extend) ||
			(extend != IMA_EXTEND_OWN && !padded))
			continue;
		if (!advance_one_way(&made, &log, quoted, &result, err))
			return err_wrap(err, "IMA log");
		if (!result.matched)
			continue;
		if (!count_rest(&log, &result.waiting, err))
			return err_wrap(err, "IMA log");
		made.next = first + result.attested;
		made.extend = made.next ? (uint8_t)extend : IMA_EXTEND_UNKNOWN;
		made.violations += (uint32_t)result.violations;
		*ret_state = made;
		*ret = result;
		return true;
	}
	*ret = (struct ima_advance){.first = first};
	return count_rest(&start, &ret->waiting, err) || err_wrap(err, "IMA log");
}
