/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tlog_policy.h"

#include "base/text.h"

#include <stdlib.h>

#define WORDS_MAX (TLOG_POLICY_NAMES_MAX + 3)

struct line {
	unsigned number;
	size_t count;
	struct bytes words[WORDS_MAX];
};

void tlog_policy_free(struct tlog_policy **policy)
{
	struct tlog_policy *self = *policy;

	*policy = NULL;
	if (!self)
		return;
	for (size_t i = 0; i < self->log_count; i++) {
		note_key_release(&self->logs[i].key);
		free(self->logs[i].url);
	}
	for (size_t i = 0; i < self->witness_count; i++) {
		note_key_release(&self->witnesses[i].key);
		free(self->witnesses[i].url);
	}
	free(self);
}

/* ---- words ---- */

static bool split(struct bytes text, struct line *line, struct err *err)
{
	line->count = 0;
	for (size_t i = 0; i < text.len;) {
		size_t start = i;

		while (i < text.len && text.data[i] != ' ' && text.data[i] != '\t')
			i++;
		if (i > start && line->count == WORDS_MAX)
			return err_set(err, ERR_LIMIT, "line %u: too many words", line->number);
		if (i > start)
			line->words[line->count++] = bytes_of(text.data + start, i - start);
		i += i == start;
	}
	return true;
}

static bool characters_ok(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((text.data[i] < ' ' && text.data[i] != '\t' && text.data[i] != '\n') ||
			text.data[i] == 0x7f)
			return false;
	return true;
}

static bool wrong(const struct line *line, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "line %u: %s", line->number, what);
}

static bool name_find(
	const struct tlog_policy *policy, struct bytes name, bool *ret_group, size_t *ret_index)
{
	for (size_t i = 0; i < policy->witness_count; i++)
		if (bytes_equal_str(name, policy->witnesses[i].name)) {
			*ret_group = false;
			*ret_index = i;
			return true;
		}
	for (size_t i = 0; i < policy->group_count; i++)
		if (bytes_equal_str(name, policy->groups[i].name)) {
			*ret_group = true;
			*ret_index = i;
			return true;
		}
	return false;
}

static bool name_take(const struct tlog_policy *policy, const struct line *line, struct bytes name,
	char out[TLOG_POLICY_NAME_MAX + 1], struct err *err)
{
	size_t index;
	bool group;

	if (name.len > TLOG_POLICY_NAME_MAX)
		return wrong(line, "the name is too long", err);
	if (bytes_equal_str(name, "none") || name_find(policy, name, &group, &index))
		return wrong(line, "the name is taken", err);
	memcpy(out, name.data, name.len);
	out[name.len] = '\0';
	return true;
}

/* ---- lines ---- */

static bool party_take(
	const struct line *line, size_t at, struct tlog_party *party, struct err *err)
{
	if (line->count < at + 1 || line->count > at + 2)
		return wrong(line, "expected a key, and perhaps a URL", err);
	if (line->count > at + 1 && line->words[at + 1].len > TLOG_POLICY_URL_MAX)
		return wrong(line, "the URL is too long", err);
	if (!note_key_parse(line->words[at], &party->key, err))
		return err_wrap(err, "line %u", line->number);
	if (line->count > at + 1 && !(party->url = bytes_strdup(line->words[at + 1])))
		return err_set(err, ERR_NOMEM, "policy");
	return true;
}

static bool log_line(struct tlog_policy *policy, const struct line *line, struct err *err)
{
	if (policy->log_count == TLOG_POLICY_LOGS_MAX)
		return err_set(err, ERR_LIMIT, "line %u: more than %d logs", line->number,
			TLOG_POLICY_LOGS_MAX);
	struct tlog_party *party = &policy->logs[policy->log_count++];
	if (!party_take(line, 1, party, err))
		return false;
	if (party->key.cosigner)
		return wrong(line, "a witness's key signs for no log", err);
	for (size_t i = 0; i + 1 < policy->log_count; i++)
		if (key_equal(policy->logs[i].key.key, party->key.key))
			return wrong(line, "the key stands there twice", err);
	memcpy(party->name, party->key.name, sizeof(party->name));
	return true;
}

static bool witness_line(struct tlog_policy *policy, const struct line *line, struct err *err)
{
	if (policy->witness_count == TLOG_POLICY_NAMES_MAX)
		return err_set(err, ERR_LIMIT, "line %u: more than %d witnesses", line->number,
			TLOG_POLICY_NAMES_MAX);
	if (line->count < 2)
		return wrong(line, "expected a name and a key", err);
	struct tlog_party *party = &policy->witnesses[policy->witness_count];
	if (!name_take(policy, line, line->words[1], party->name, err))
		return false;
	policy->witness_count++;
	if (!party_take(line, 2, party, err))
		return false;
	if (!party->key.cosigner)
		return wrong(line, "the key is no witness's", err);
	for (size_t i = 0; i + 1 < policy->witness_count; i++)
		if (key_equal(policy->witnesses[i].key.key, party->key.key))
			return wrong(line, "the key stands there twice", err);
	return true;
}

/* Members of any group so far: a name counts in one place only. */
static void members_of_all(const struct tlog_policy *policy, struct tlog_group *ret)
{
	for (size_t i = 0; i < policy->group_count; i++) {
		ret->witnesses |= policy->groups[i].witnesses;
		ret->groups |= policy->groups[i].groups;
	}
}

static bool member_take(const struct tlog_policy *policy, const struct line *line,
	struct bytes name, struct tlog_group *group, struct err *err)
{
	struct tlog_group taken = *group;
	size_t index;
	bool is_group;

	members_of_all(policy, &taken);
	if (!name_find(policy, name, &is_group, &index))
		return wrong(line, "a member that no earlier line defines", err);
	if ((is_group ? taken.groups : taken.witnesses) >> index & 1)
		return wrong(line, "a member that is one already", err);
	*(is_group ? &group->groups : &group->witnesses) |= UINT64_C(1) << index;
	return true;
}

static bool threshold_take(
	const struct line *line, size_t members, struct tlog_group *group, struct err *err)
{
	uint64_t k = 0;

	if (bytes_equal_str(line->words[2], "all"))
		k = members;
	else if (bytes_equal_str(line->words[2], "any"))
		k = 1;
	else if (!text_decimal(line->words[2], &k))
		return wrong(line, "expected all, any or a number", err);
	if (k < 1 || k > members)
		return wrong(line, "a threshold of no member, or of more than there are", err);
	group->threshold = (unsigned)k;
	return true;
}

static bool group_line(struct tlog_policy *policy, const struct line *line, struct err *err)
{
	struct tlog_group group = {0};

	if (policy->group_count == TLOG_POLICY_NAMES_MAX)
		return err_set(err, ERR_LIMIT, "line %u: more than %d groups", line->number,
			TLOG_POLICY_NAMES_MAX);
	if (line->count < 4)
		return wrong(line, "expected a name, a threshold and members", err);
	if (!name_take(policy, line, line->words[1], group.name, err) ||
		!threshold_take(line, line->count - 3, &group, err))
		return false;
	for (size_t i = 3; i < line->count; i++)
		if (!member_take(policy, line, line->words[i], &group, err))
			return false;
	policy->groups[policy->group_count++] = group;
	return true;
}

static bool quorum_line(struct tlog_policy *policy, const struct line *line, struct err *err)
{
	bool group = false;

	if (policy->quorum)
		return wrong(line, "a second quorum", err);
	if (line->count != 2)
		return wrong(line, "expected one name", err);
	if (bytes_equal_str(line->words[1], "none")) {
		policy->quorum = QUORUM_NONE;
		return true;
	}
	if (!name_find(policy, line->words[1], &group, &policy->quorum_index))
		return wrong(line, "a name that no earlier line defines", err);
	policy->quorum = group ? QUORUM_GROUP : QUORUM_WITNESS;
	return true;
}

static bool line_take(struct tlog_policy *policy, const struct line *line, struct err *err)
{
	static const struct {
		const char *word;
		bool (*take)(struct tlog_policy *policy, const struct line *line, struct err *err);
	} kinds[] = {
		{"log", log_line},
		{"witness", witness_line},
		{"group", group_line},
		{"quorum", quorum_line},
	};

	if (line->count == 0 || line->words[0].data[0] == '#')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (bytes_equal_str(line->words[0], kinds[i].word))
			return kinds[i].take(policy, line, err);
	return wrong(line, "expected log, witness, group or quorum", err);
}

bool tlog_policy_parse(struct bytes text, struct tlog_policy **ret, struct err *err)
{
	OWNED(tlog_policy_free) struct tlog_policy *policy = calloc(1, sizeof(*policy));
	struct line line = {0};
	struct bytes one;

	if (!policy)
		return err_set(err, ERR_NOMEM, "policy");
	if (text.len > TLOG_POLICY_MAX)
		return err_set(
			err, ERR_LIMIT, "policy: %zu bytes, at most %d", text.len, TLOG_POLICY_MAX);
	if (!characters_ok(text))
		return err_set(err, ERR_FORMAT, "policy: a control character");
	while (text_next_line(&text, &one)) {
		line.number++;
		if (!split(one, &line, err) || !line_take(policy, &line, err))
			return err_wrap(err, "policy");
	}
	if (text.len > 0)
		return err_set(err, ERR_FORMAT, "policy: the last line has no end");
	if (!policy->quorum)
		return err_set(err, ERR_FORMAT, "policy: no quorum");
	*ret = TAKE(policy);
	return true;
}

/* ---- checkpoints ---- */

/* A group names earlier ones only, so that one pass in order decides all of them. */
bool tlog_policy_quorum(const struct tlog_policy *policy, uint64_t witnesses)
{
	uint64_t groups = 0;

	for (size_t i = 0; i < policy->group_count; i++) {
		const struct tlog_group *group = &policy->groups[i];
		unsigned count = (unsigned)(__builtin_popcountll(group->witnesses & witnesses) +
					    __builtin_popcountll(group->groups & groups));

		if (count >= group->threshold)
			groups |= UINT64_C(1) << i;
	}
	switch (policy->quorum) {
	case QUORUM_NONE:
		return true;
	case QUORUM_WITNESS:
		return witnesses >> policy->quorum_index & 1;
	case QUORUM_GROUP:
		return groups >> policy->quorum_index & 1;
	}
	return false;
}

/* Who cosigned at `from` or later, and not in a time to come. */
static uint64_t witnesses_since(const struct tlog_policy *policy,
	const struct tlog_cosigned *cosigned, int64_t from, int64_t now)
{
	uint64_t since = 0;

	for (size_t i = 0; i < policy->witness_count; i++)
		if (cosigned->witnesses >> i & 1 && cosigned->times[i] >= from &&
			cosigned->times[i] - TLOG_AHEAD_MAX <= now)
			since |= UINT64_C(1) << i;
	return since;
}

int64_t tlog_policy_age(
	const struct tlog_policy *policy, const struct tlog_cosigned *cosigned, int64_t now)
{
	int64_t youngest = -1;

	for (size_t i = 0; policy->quorum != QUORUM_NONE && i < policy->witness_count; i++) {
		int64_t from = cosigned->times[i], age = now > from ? now - from : 0;

		if (cosigned->witnesses >> i & 1 &&
			tlog_policy_quorum(policy, witnesses_since(policy, cosigned, from, now)) &&
			(youngest < 0 || age < youngest))
			youngest = age;
	}
	return youngest;
}

static bool log_check(const struct tlog_policy *policy, const struct note_key *log,
	struct bytes note, struct bytes *ret_text, const struct note_key **ret_log, struct err *err)
{
	for (size_t i = 0; i < (log ? 1 : policy->log_count); i++) {
		const struct note_key *key = log ? log : &policy->logs[i].key;
		bool named = false;

		if (!note_names(note, key, &named, err))
			return false;
		if (!named)
			continue;
		*ret_log = key;
		return note_open(note, key, ret_text, err);
	}
	return err_set(err, ERR_MISMATCH, "checkpoint: signed by no known log");
}

static bool witnesses_check(const struct tlog_policy *policy, struct bytes note,
	struct tlog_cosigned *ret, struct err *err)
{
	for (size_t i = 0; i < policy->witness_count; i++) {
		const struct note_key *key = &policy->witnesses[i].key;
		struct bytes text;
		bool named = false;

		if (!note_names(note, key, &named, err))
			return false;
		if (!named)
			continue;
		if (!note_cosigned(note, key, &text, &ret->times[i], err))
			return false;
		ret->witnesses |= UINT64_C(1) << i;
	}
	return true;
}

bool tlog_policy_check(const struct tlog_policy *policy, const struct note_key *log,
	struct bytes note, struct tlog_cosigned *ret, struct err *err)
{
	const struct note_key *signer = NULL;
	struct bytes text;

	memset(ret, 0, sizeof(*ret));
	if (!log_check(policy, log, note, &text, &signer, err) ||
		!checkpoint_parse(text, &ret->checkpoint, err))
		return false;
	if (!bytes_equal_str(ret->checkpoint.origin, signer->name))
		return err_set(
			err, ERR_MISMATCH, "checkpoint: of another log than %s", signer->name);
	if (!witnesses_check(policy, note, ret, err))
		return false;
	return tlog_policy_quorum(policy, ret->witnesses) ||
	       err_set(err, ERR_MISMATCH, "checkpoint: %d of its witnesses are no quorum",
		       __builtin_popcountll(ret->witnesses));
}

bool tlog_policy_prove(const struct tlog_policy *policy, const struct tlog_proof *proof,
	const uint8_t leaf[SHA256_LEN], struct tlog_cosigned *ret, struct err *err)
{
	return tlog_policy_check(policy, NULL, proof->checkpoint, ret, err) &&
	       tree_inclusion_check(proof->index, ret->checkpoint.size, leaf,
		       buf_bytes(&proof->hashes), ret->checkpoint.root, err);
}
