/* SPDX-License-Identifier: Apache-2.0 */
/* One entry after the other, held against the rules. */
#include "firmware/glob.h"
#include "firmware/ima_rules_private.h"

#define AHEAD       8 /* entries read before the one that is judged */
#define POLICY_PATH "/etc/ima/ima-policy" /* what systemd and initramfs load */

const char *const ima_not_measured[] = {
	"files that the host's IMA policy does not measure, as on tmpfs, FUSE and in containers' "
	"overlays by default",
	"scripts given to an interpreter that reads them as data",
	"what a process does with memory that it makes executable",
	NULL,
};

/* Buffers that tell of a kexec: the command line it is given (func=KEXEC_CMDLINE), and the critical
 * data of Linux 6.16. */
static const char *const kexec_buffers[] = {"kexec-cmdline", "kexec_load", "kexec_execute"};
/* Buffers with an IMA policy in them. */
static const char *const policy_buffers[] = {"ima_policy_loaded", "ima_policy_written"};

struct judge {
	const struct ima_input *input;
	const struct ima_rules *rules;
	struct ima_state *state;
	struct ima_findings *findings;
	uint8_t wanted_first[256 / 8]; /* first bytes of the digests wanted */
	struct err *err;
};

static struct ima_finding *add(
	struct judge *j, enum ima_finding_kind kind, const struct ima_entry *entry)
{
	static const struct ima_finding none;
	struct ima_findings *findings = j->findings;
	struct ima_finding *finding;

	j->state->flags |= IMA_FACT_REFUSED;
	findings->total++;
	findings->by_kind[kind]++;
	if (findings->count == IMA_FINDINGS_MAX)
		return NULL;
	finding = &findings->list[findings->count++];
	*finding = none;
	finding->kind = kind;
	finding->entry = entry->number;
	finding->path = entry->path;
	finding->digest_type = entry->digest_type;
	finding->digest_alg = entry->digest_alg;
	finding->digest = entry->digest;
	return finding;
}

static bool is_one_of(struct bytes name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal_str(name, names[i]))
			return true;
	return false;
}

static bool ends_with(struct bytes in, const char *end)
{
	size_t len = strlen(end);

	return in.len >= len && memcmp(in.data + in.len - len, end, len) == 0;
}

static bool is_module(struct bytes path)
{
	static const char *const ends[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends_with(path, ends[i]))
			return true;
	return false;
}

static bool is_tracked(const struct ima_state *state, uint32_t pcr)
{
	for (size_t i = 0; i < state->tracked; i++)
		if (state->pcr[i] == pcr)
			return true;
	return false;
}

/* ---- Buffers ---- */

/* A rule of this kind allows the buffer by its name and content. */
static bool buffer_allowed(struct judge *j, enum ima_glob_kind kind, const struct ima_entry *entry)
{
	for (size_t i = 0; i < j->rules->glob_count; i++) {
		const struct ima_glob *glob = &j->rules->globs[i];
		struct digest digest = {0};

		if (glob->kind != kind || !bytes_equal(ima_known_path(&glob->known), entry->path))
			continue;
		if (glob->any)
			return true;
		if (digest_of((enum digest_alg)glob->known.alg, entry->field[IMA_FIELD_BUF],
			    &digest, NULL) &&
			bytes_equal(ima_known_digest(&glob->known), digest_bytes(&digest)))
			return true;
	}
	return false;
}

/* Names of keyrings that the kernel measures begin with a dot; a certificate is a SEQUENCE. */
bool ima_entry_is_keyring(const struct ima_entry *entry)
{
	return entry->path.len && entry->path.data[0] == '.' && entry->field[IMA_FIELD_BUF].len &&
	       entry->field[IMA_FIELD_BUF].data[0] == 0x30;
}

static void judge_kernel(struct judge *j, const struct ima_entry *entry)
{
	unsigned version[3];
	int order = -1;

	if (ima_kernel_version(entry->field[IMA_FIELD_BUF], version)) {
		order = 0;
		for (size_t i = 0; i < ARRAY_LEN(version); i++)
			if (order == 0)
				order = (version[i] > j->rules->kernel_min[i]) -
					(version[i] < j->rules->kernel_min[i]);
	}
	if (order < 0)
		(void)add(j, IMA_KERNEL_OLD, entry);
	else
		j->state->flags |= IMA_FACT_KERNEL;
}

/* The template digest vouches for digest and buffer, but not for one being the other's hash. */
static void judge_content(struct judge *j, const struct ima_entry *entry)
{
	struct digest digest = {0};

	if (!digest_of(entry->alg, entry->field[IMA_FIELD_BUF], &digest, NULL) ||
		!bytes_equal(digest_bytes(&digest), entry->digest))
		(void)add(j, IMA_BUFFER_DIGEST, entry);
}

static void judge_buffer(struct judge *j, const struct ima_entry *entry)
{
	bool allowed = buffer_allowed(j, IMA_GLOB_BUFFER, entry);

	judge_content(j, entry);
	if (is_one_of(entry->path, kexec_buffers, ARRAY_LEN(kexec_buffers))) {
		j->state->flags |= IMA_FACT_KEXEC;
		if (!j->rules->allow_kexec && !allowed)
			(void)add(j, IMA_KEXEC, entry);
	} else if (is_one_of(entry->path, policy_buffers, ARRAY_LEN(policy_buffers))) {
		j->state->flags |= IMA_FACT_POLICY;
		if (!allowed)
			(void)add(j, IMA_POLICY_CHANGED, entry);
	} else if (bytes_equal_str(entry->path, "kernel_version")) {
		if (j->rules->kernel_min_given)
			judge_kernel(j, entry);
		else if (!allowed)
			(void)add(j, IMA_UNKNOWN_BUFFER, entry);
	} else if (ima_entry_is_keyring(entry)) {
		j->state->flags |= IMA_FACT_KEYRING;
		if (!buffer_allowed(j, IMA_GLOB_KEYRING, entry))
			(void)add(j, IMA_UNKNOWN_KEYRING, entry);
	} else if (!allowed) {
		(void)add(j, IMA_UNKNOWN_BUFFER, entry);
	}
}

/* ---- Files ---- */

static bool allowed_by_pattern(struct judge *j, const struct ima_entry *entry)
{
	for (size_t i = 0; i < j->rules->glob_count; i++) {
		const struct ima_glob *glob = &j->rules->globs[i];

		if (glob->kind == IMA_GLOB_FILE && glob->known.alg == (uint8_t)entry->alg &&
			glob->known.type == (uint8_t)entry->digest_type &&
			bytes_equal(ima_known_digest(&glob->known), entry->digest) &&
			glob_match(ima_known_path(&glob->known), entry->path))
			return true;
	}
	return false;
}

static bool is_ignored(struct judge *j, const struct ima_entry *entry)
{
	for (size_t i = 0; i < j->rules->glob_count; i++)
		if (j->rules->globs[i].kind == IMA_GLOB_IGNORE &&
			glob_match(ima_known_path(&j->rules->globs[i].known), entry->path))
			return true;
	return false;
}

static bool is_policy_file(struct judge *j, const struct ima_entry *entry)
{
	for (size_t i = 0; i < j->rules->glob_count; i++)
		if (j->rules->globs[i].kind == IMA_GLOB_POLICY &&
			bytes_equal(ima_known_path(&j->rules->globs[i].known), entry->path))
			return true;
	return bytes_equal_str(entry->path, POLICY_PATH);
}

/* What the rules on signatures say of a file. */
struct by_signature {
	bool asked; /* a rule wants this path signed */
	bool allowed; /* and it is, by a key of that name */
	bool verified; /* by any of the keys */
	enum ima_signed result;
};

/* Verifies only where something depends on it. */
static bool judge_signature(
	struct judge *j, const struct ima_entry *entry, bool module, struct by_signature *ret)
{
	const struct ima_input *input = j->input;
	size_t by = 0;

	*ret = (struct by_signature){0};
	for (size_t i = 0; i < j->rules->glob_count && !ret->asked; i++)
		ret->asked = j->rules->globs[i].kind == IMA_GLOB_SIGNED &&
			     glob_match(ima_known_path(&j->rules->globs[i].known), entry->path);
	if (!ret->asked && !module)
		return true;
	if (!ima_signature_check(entry, input->keys, input->key_count, &ret->result, &by, j->err))
		return false;
	if (ret->result == IMA_SIGNED_NOT &&
		!ima_modsig_check(entry, input->keys, input->key_count, &ret->result, &by, j->err))
		return false;
	ret->verified = ret->result == IMA_SIGNED_GOOD;
	for (size_t i = 0; i < j->rules->glob_count; i++) {
		const struct ima_glob *glob = &j->rules->globs[i];

		if (ret->verified && glob->kind == IMA_GLOB_SIGNED &&
			bytes_equal_str(glob->key, input->keys[by].name) &&
			glob_match(ima_known_path(&glob->known), entry->path))
			ret->allowed = true;
	}
	return true;
}

/* A policy that was loaded and a signature that does not verify are told wherever they are. */
static bool may_ignore(
	struct judge *j, const struct ima_entry *entry, const struct by_signature *signature)
{
	return !is_policy_file(j, entry) && signature->result != IMA_SIGNED_BAD &&
	       is_ignored(j, entry);
}

static void refuse_file(
	struct judge *j, const struct ima_entry *entry, const struct by_signature *signature)
{
	struct bytes nearest[IMA_NEAREST_MAX];
	size_t count = ima_rules_nearest(j->rules, entry->path, nearest, IMA_NEAREST_MAX);
	enum ima_finding_kind kind = count ? IMA_OTHER_DIGEST : IMA_UNKNOWN_FILE;
	struct ima_finding *finding;

	if (is_policy_file(j, entry))
		kind = IMA_POLICY_CHANGED;
	else if (signature->asked && signature->result == IMA_SIGNED_BAD)
		kind = IMA_BAD_SIGNATURE;
	else if (signature->asked && (signature->result == IMA_SIGNED_UNKNOWN_KEY ||
					     signature->result == IMA_SIGNED_GOOD))
		kind = IMA_UNKNOWN_KEY;
	else if (entry->alg != DIGEST_SHA256 && entry->alg != DIGEST_SHA384 &&
		 entry->alg != DIGEST_SHA512)
		kind = IMA_WEAK_DIGEST;
	finding = add(j, kind, entry);
	for (size_t i = 0; finding && i < count; i++)
		finding->nearest[finding->nearest_count++] = nearest[i];
}

static bool judge_file(struct judge *j, const struct ima_entry *entry)
{
	bool module = is_module(entry->path);
	bool known =
		ima_rules_has(j->rules, entry->digest_type, entry->alg, entry->digest, entry->path);
	struct by_signature signature;

	if (is_policy_file(j, entry))
		j->state->flags |= IMA_FACT_POLICY;
	if (known && !module)
		return true;
	if (!judge_signature(j, entry, module, &signature))
		return false;
	j->state->modules += module;
	j->state->modules_unsigned += module && !signature.verified;
	if (module && j->rules->signed_modules && !signature.verified)
		(void)add(j, IMA_MODULE_UNSIGNED, entry);
	if (known || signature.allowed || allowed_by_pattern(j, entry))
		return true;
	if (may_ignore(j, entry, &signature)) {
		j->findings->ignored++;
		j->state->flags |= IMA_FACT_IGNORED;
		return true;
	}
	refuse_file(j, entry, &signature);
	return true;
}

/* ---- Entries ---- */

/* Linux logs spaces as underscores. */
static bool is_logged_as(struct bytes path, struct bytes logged)
{
	if (path.len != logged.len)
		return false;
	for (size_t i = 0; i < path.len; i++)
		if ((path.data[i] == ' ' ? '_' : path.data[i]) != logged.data[i])
			return false;
	return true;
}

static void note_wanted(struct judge *j, const struct ima_entry *entry)
{
	uint8_t first;

	if (entry->alg != DIGEST_SHA256 || entry->digest_type != IMA_DIGEST_FILE)
		return;
	first = entry->digest.data[0];
	if (!(j->wanted_first[first / 8] >> first % 8 & 1))
		return;
	for (size_t i = 0; i < j->input->wanted_count; i++)
		if (bytes_equal(BYTES_OF(j->input->wanted[i].digest), entry->digest) &&
			is_logged_as(j->input->wanted[i].path, entry->path))
			j->state->seen |= UINT64_C(1) << i;
}

/* Entry 0 is boot_aggregate; a later one is that of a kernel started by kexec, which carries the list
 * on. */
static void judge_boot(struct judge *j, const struct ima_entry *entry)
{
	if (entry->number == 0)
		return;
	j->state->flags |= IMA_FACT_KEXEC;
	if (!j->rules->allow_kexec)
		(void)add(j, IMA_KEXEC, entry);
}

static bool judge_entry(struct judge *j, const struct ima_entry *entry)
{
	bool boot = ima_entry_is_boot_aggregate(entry);

	if (!is_tracked(j->state, entry->pcr))
		(void)add(j, IMA_PCR_NOT_QUOTED, entry);
	if (entry->number == 0 && (!boot || entry->violation))
		(void)add(j, IMA_BOOT_AGGREGATE, entry);
	if (entry->violation) {
		if (!j->rules->report_violations)
			(void)add(j, IMA_VIOLATION, entry);
		return true;
	}
	if (entry->fields & 1u << IMA_FIELD_BUF) {
		judge_buffer(j, entry);
		return true;
	}
	if (boot) {
		judge_boot(j, entry);
		return true;
	}
	if (entry->digest_type == IMA_DIGEST_NONE || entry->path.len == 0) {
		(void)add(j, IMA_NO_DIGEST, entry);
		return true;
	}
	note_wanted(j, entry);
	return judge_file(j, entry);
}

/* How far ahead of the entry that is judged each step of looking one up is begun. */
static const unsigned ahead_by_step[] = {AHEAD - 1, AHEAD * 2 / 3, AHEAD / 3};

static void prefetch(const struct judge *j, const struct ima_entry *ring, uint64_t i, uint64_t read)
{
	for (size_t step = 0; step < ARRAY_LEN(ahead_by_step); step++) {
		uint64_t at = i + ahead_by_step[step];

		if (at < read)
			ima_rules_prefetch(j->rules, ring[at % AHEAD].digest, (int)step);
	}
}

/* Entries are read ahead, so that what the rules hold about them is in the caches when they are judged. */
static bool judge_entries(struct judge *j, struct ima_log *log, uint64_t count)
{
	struct ima_entry ring[AHEAD];
	uint64_t read = 0;

	for (uint64_t i = 0; i < count && !j->findings->cut; i++) {
		for (; read < count && read < i + AHEAD; read++)
			if (!ima_log_next(log, &ring[read % AHEAD], j->err))
				return false;
		prefetch(j, ring, i, read);
		if (!judge_entry(j, &ring[i % AHEAD]))
			return false;
		j->findings->cut = j->findings->total >= IMA_FINDINGS_COUNT;
	}
	return true;
}

bool ima_judge(const struct ima_input *input, uint64_t count, struct ima_state *state,
	struct ima_findings *ret, struct err *err)
{
	struct judge j = {
		.input = input, .rules = input->rules, .state = state, .findings = ret, .err = err};
	struct ima_log log;

	if (!input->rules)
		return err_set(err, ERR_USAGE, "IMA: no rules to judge by");
	if (input->wanted_count > IMA_WANTED_MAX)
		return err_set(err, ERR_USAGE, "IMA: more than %d files wanted", IMA_WANTED_MAX);
	for (size_t i = 0; i < input->wanted_count; i++)
		j.wanted_first[input->wanted[i].digest[0] / 8] |=
			(uint8_t)(1u << input->wanted[i].digest[0] % 8);
	if (!ima_log_open(input->log, (enum digest_alg)state->log_alg, input->first, &log, err))
		return false;
	if (!judge_entries(&j, &log, count))
		return err_wrap(err, "IMA log");
	if (j.rules->kernel_min_given && input->first == 0 && count &&
		!(state->flags & IMA_FACT_KERNEL) && ret->by_kind[IMA_KERNEL_OLD] == 0)
		(void)add(&j, IMA_KERNEL_OLD, &(struct ima_entry){.number = count - 1});
	return true;
}

/* The boot_aggregate of entry 0 against the quoted PCRs. */
static bool judge_boot_aggregate(const struct ima_input *input, struct ima_state *state,
	struct ima_result *ret, struct err *err)
{
	struct judge j = {.state = state, .findings = &ret->findings};
	struct ima_log log;
	struct ima_entry entry;

	if (input->first != 0 || ret->advance.attested == 0)
		return true;
	if (!ima_log_open(input->log, (enum digest_alg)state->log_alg, input->first, &log, err) ||
		!ima_log_next(&log, &entry, err) ||
		!ima_boot_check(&entry, (enum digest_alg)state->bank, input->boot, &ret->boot, err))
		return err_wrap(err, "IMA log");
	if (ret->boot == IMA_BOOT_MATCH_0_7 || ret->boot == IMA_BOOT_MATCH_0_9)
		state->flags |= IMA_FACT_BOOT_AGGREGATE;
	else if (ret->boot == IMA_BOOT_MISMATCH || ret->boot == IMA_BOOT_NO_TPM)
		(void)add(&j, IMA_BOOT_AGGREGATE, &entry);
	return true;
}

bool ima_appraise(const struct ima_state *state, const struct ima_input *input,
	struct ima_state *ret_state, struct ima_result *ret, struct err *err)
{
	struct ima_result result = {0};
	struct ima_state made;

	if (!ima_advance(state, input->log, input->first, input->quoted, true, &made,
		    &result.advance, err))
		return false;
	if (result.advance.matched) {
		if (!ima_judge(input, result.advance.attested, &made, &result.findings, err) ||
			!judge_boot_aggregate(input, &made, &result, err))
			return false;
		if (result.advance.extend != IMA_EXTEND_OWN && result.advance.attested &&
			!input->rules->allow_padded)
			(void)add(&(struct judge){.state = &made, .findings = &result.findings},
				IMA_PADDED_BANK, &(struct ima_entry){.number = input->first});
		*ret_state = made;
	}
	*ret = result;
	return true;
}
