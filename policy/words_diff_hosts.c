/* SPDX-License-Identifier: Apache-2.0 */
/* Host classes: what their machines' boots must show, and how that changes. */
#include "base/text.h"
#include "base/time.h"
#include "policy/words_private.h"

static const char *const kind_names[] = {
	[REFERENCE_NONE] = "none",
	[REFERENCE_GOLDEN_LOG] = "golden-log",
	[REFERENCE_BASELINE] = "baseline",
	[REFERENCE_CORIM] = "corim",
	[REFERENCE_IMA_RULES] = "ima-rules",
};
static const char *const lockdown_names[] = {
	[LOCKDOWN_NONE] = "none",
	[LOCKDOWN_COMMAND_LINE] = "command-line",
	[LOCKDOWN_SECURE_BOOT] = "secure-boot",
};

struct host_pair {
	const char *subject;
	const struct host_class *of[2]; /* old, new */
};
typedef void (*collect)(struct diff *d, const struct host_class *class, struct diff_items *ret);

static void collect_lines(struct diff *d, char *const *lines, size_t n, struct diff_items *ret)
{
	for (size_t i = 0; i < n; i++)
		diff_items_add_bytes(d, ret, bytes_str(lines[i]), lines[i]);
}

static void collect_allow(struct diff *d, const struct host_class *c, struct diff_items *ret)
{
	collect_lines(d, c->command_line.allow, c->command_line.allow_count, ret);
}

static void collect_require(struct diff *d, const struct host_class *c, struct diff_items *ret)
{
	collect_lines(d, c->command_line.require, c->command_line.require_count, ret);
}

static void collect_forbid(struct diff *d, const struct host_class *c, struct diff_items *ret)
{
	collect_lines(d, c->command_line.forbid, c->command_line.forbid_count, ret);
}

static void collect_authorities(struct diff *d, const struct host_class *c, struct diff_items *ret)
{
	for (size_t i = 0; i < c->authority_count; i++)
		diff_items_add(d, ret, c->authorities[i], "certificate");
}

/* Its end and its signer are part of what a reference is: a changed one is another. */
static void collect_references(struct diff *d, const struct host_class *c, struct diff_items *ret)
{
	for (size_t i = 0; i < c->reference_count; i++) {
		const struct host_reference *r = &c->references[i];
		OWNED(buf_release) struct buf id = {0};
		char name[160], until[TIME_TEXT_MAX], hex[17];

		buf_printf(&id, "%d %lld ", (int)r->kind, (long long)r->until);
		buf_put(&id, BYTES_OF(r->digest));
		if (r->key)
			buf_put(&id, bytes_of(key_id(r->key), SHA256_LEN));
		(void)snprintf(name, sizeof(name), "%s %s…%s%s%s", kind_names[r->kind],
			text_short_hex(BYTES_OF(r->digest), hex), r->until ? " until " : "",
			r->until ? time_format(r->until, until) : "", r->key ? ", signed" : "");
		if (buf_ok(&id, NULL))
			diff_items_add_bytes(d, ret, buf_bytes(&id), name);
		else
			d->w.failed = true;
	}
}

static void collect_ima_keys(struct diff *d, const struct host_class *c, struct diff_items *ret)
{
	for (size_t i = 0; i < c->ima.key_count; i++)
		diff_items_add(d, ret, key_id(c->ima.keys[i].key), c->ima.keys[i].name);
}

static void add_hostd(struct diff *d, const struct ima_wanted *hostd, struct diff_items *ret)
{
	OWNED(buf_release) struct buf id = {0}, name = {0};

	buf_put(&id, BYTES_OF(hostd->digest));
	buf_put(&id, hostd->path);
	buf_put(&name, hostd->path);
	if (buf_ok(&id, NULL) && buf_ok(&name, NULL))
		diff_items_add_bytes(d, ret, buf_bytes(&id), buf_str(&name));
	else
		d->w.failed = true;
}

static void collect_hostd(struct diff *d, const struct host_class *c, struct diff_items *ret)
{
	for (size_t i = 0; i < c->ima.hostd_count; i++)
		add_hostd(d, &c->ima.hostd[i], ret);
}

static void diff_collected(struct diff *d, const struct host_pair *pair)
{
	static const struct {
		const char *noun, *added_effect, *removed_effect;
		collect collect;
		enum direction added;
		bool plain;
	} sets[] = {
		{"reference", "boots like it are accepted",
			"boots that it alone accepted are refused", collect_references, DIFF_LOOSER,
			false},
		{"boot authority", "only listed ones may have verified boot images",
			"boots that it verified are refused; with none left db decides",
			collect_authorities, DIFF_OTHER, false},
		{"command line allowed", "lines like it are accepted",
			"lines that it alone allowed are refused; with none left any is",
			collect_allow, DIFF_OTHER, true},
		{"word required", "command lines without it are refused",
			"command lines without it are accepted", collect_require, DIFF_TIGHTER,
			true},
		{"word forbidden", "command lines with it are refused",
			"command lines with it are accepted", collect_forbid, DIFF_TIGHTER, true},
		{"file signer", "files that it signed may run where rules name it",
			"files that it signed are refused", collect_ima_keys, DIFF_LOOSER, false},
		{"build", "this assay-hostd is believed", "hosts with this assay-hostd are refused",
			collect_hostd, DIFF_LOOSER, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		OWNED(diff_items_release) struct diff_items old = {0};
		OWNED(diff_items_release) struct diff_items new = {0};
		const struct diff_set set = {pair->subject, sets[i].noun, sets[i].added,
			sets[i].added_effect, sets[i].removed_effect, sets[i].plain};

		sets[i].collect(d, pair->of[0], &old);
		sets[i].collect(d, pair->of[1], &new);
		diff_sets(d, &set, &old, &new);
	}
}

static void diff_may_vary(struct diff *d, const struct host_pair *pair)
{
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "PCR %u may vary", pcr);
		diff_flag(d, pair->subject, key, pair->of[0]->may_vary >> pcr & 1,
			pair->of[1]->may_vary >> pcr & 1, DIFF_LOOSER,
			"whether it is held against the references");
	}
}

static void diff_host_class(struct diff *d, const struct host_pair *pair)
{
	const struct host_class *old = pair->of[0], *new = pair->of[1];
	const char *subject = pair->subject;

	diff_flag(d, subject, "Secure Boot required", old->secure_boot == SECURE_BOOT_REQUIRED,
		new->secure_boot == SECURE_BOOT_REQUIRED, DIFF_TIGHTER,
		"whether boots without it are refused");
	diff_may_vary(d, pair);
	diff_number(d, subject, "dbx_minimum", old->dbx_minimum, new->dbx_minimum, DIFF_TIGHTER,
		"machines with a shorter dbx are refused");
	diff_flag(d, subject, "IMA judged", old->ima.judged, new->ima.judged, DIFF_TIGHTER,
		"whether what ran on the host is judged");
	diff_text(d, subject, "lockdown", lockdown_names[old->ima.lockdown],
		lockdown_names[new->ima.lockdown], DIFF_OTHER,
		"what keeps another kernel or unsigned modules out");
	diff_collected(d, pair);
	if (old->ceiling != new->ceiling)
		diff_note(d, DIFF_OTHER, subject, "what its hosts can show at most",
			"reaches %s, was %s", assurance_name(new->ceiling),
			assurance_name(old->ceiling));
}

static const struct host_class *host_class_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->host_class_count; i++)
		if (strcmp(policy->host_classes[i].name, name) == 0)
			return &policy->host_classes[i];
	return NULL;
}

void diff_host_classes(struct diff *d)
{
	char subject[200];

	for (size_t i = 0; i < d->new->host_class_count; i++) {
		const struct host_class *new = &d->new->host_classes[i];
		const struct host_pair pair = {subject, {host_class_find(d->old, new->name), new}};

		(void)snprintf(
			subject, sizeof(subject), "host class %s", ESC(bytes_str(new->name)));
		if (pair.of[0])
			diff_host_class(d, &pair);
		else
			diff_note(d, DIFF_OTHER, subject, "risk classes may name it", "added");
	}
	for (size_t i = 0; i < d->old->host_class_count; i++) {
		const char *name = d->old->host_classes[i].name;

		(void)snprintf(subject, sizeof(subject), "host class %s", ESC(bytes_str(name)));
		if (!host_class_find(d->new, name))
			diff_note(d, DIFF_OTHER, subject, "no risk class names it any more",
				"removed");
	}
}
