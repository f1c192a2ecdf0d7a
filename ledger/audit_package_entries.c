/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a package, and every entry in it: in the tree, opened, and with what it names. */
#include "ledger/audit_package_private.h"

#include <stdio.h>

#include "base/text.h"

#define CHECKPOINT "checkpoint"
#define SHOWN_MAX  16 /* objects that are not there told one by one */

static bool fatal(const struct err *why, struct err *err)
{
	return (why->code == ERR_NOMEM || why->code == ERR_INTERNAL) &&
	       !err_set(err, why->code, "%s", why->text);
}

/* ---- the tree ---- */

static bool tree_read(struct package_case *c, struct err *err)
{
	const struct package_member *note = package_find(c->package, CHECKPOINT);
	const struct tlog_policy *policy = c->anchors->log_policy;
	struct tlog_cosigned cosigned = {0};

	if (!note)
		return err_set(err, ERR_NOT_FOUND, "the package brings none");
	if (policy ? !tlog_policy_check(policy, NULL, note->content, &cosigned, err)
		   : !checkpoint_parse(note->content, &cosigned.checkpoint, err))
		return false;
	c->audit->tree_size = cosigned.checkpoint.size;
	memcpy(c->audit->tree_root, cosigned.checkpoint.root, sizeof(c->audit->tree_root));
	package_note(c, policy ? AUDIT_PROVED : AUDIT_ASSERTED, CHECKPOINT,
		policy ? "signed by log %s over %llu leaves, as you demand"
		       : "the word of log %s, over %llu leaves; pin its key and witnesses with "
			 "--log-policy to prove it",
		ESC(cosigned.checkpoint.origin), (unsigned long long)cosigned.checkpoint.size);
	return true;
}

/* ---- what entries name ---- */

static bool object_there(const struct package_case *c, const char *digest)
{
	char path[PACKAGE_PATH_MAX + 1];

	(void)snprintf(path, sizeof(path), "objects/%.64s", digest);
	return package_find(c->package, path) != NULL;
}

/* Notes and files of incidents, and the policies of the time. */
static void named(struct package_case *c, const struct ledger_entry *entry)
{
	const char *event = json_string_value(json_object_get(entry->said, "event"));
	const char *what = json_string_value(json_object_get(entry->said, "what"));
	bool file = entry->type == LEAF_INCIDENT && what &&
		    (strcmp(what, "note") == 0 || strcmp(what, "file") == 0);
	bool policy = entry->type == LEAF_POLICY && event && strcmp(event, "policy") == 0;
	const char *digest =
		json_string_value(json_object_get(entry->said, file ? "attached" : "digest"));

	if ((file || policy) && (!digest || !object_there(c, digest)) && c->absent++ < SHOWN_MAX)
		package_note(c, AUDIT_NOT_CHECKED, policy ? "policy" : what,
			"entry %llu names an object that is not in the package",
			(unsigned long long)entry->index);
}

/* Whoever makes a package decides how many there are: they take no other step's room. */
static void note_absent(struct package_case *c)
{
	if (c->absent > SHOWN_MAX)
		package_note(c, AUDIT_NOT_CHECKED, "objects",
			"%zu more entries name an object that is not in the package",
			c->absent - SHOWN_MAX);
}

/* ---- entries ---- */

/* What the verifier said that a decision's objects tell gives way to what they tell. */
static bool decided(
	struct package_case *c, struct ledger_entry *entry, bool *ret_audited, struct err *err)
{
	struct package_decision *d = package_decision_find(c, entry->index);

	*ret_audited = false;
	if (!d)
		return package_gone_take(c, entry, err) &&
		       (package_belongs(c, entry->decided ? entry->facts.workload : NULL,
				entry->time, err) ||
			       err_wrap(err, "entry %llu", (unsigned long long)entry->index));
	if (memcmp(d->id, entry->id, sizeof(d->id)) != 0)
		return err_set(err, ERR_MISMATCH, "entry %llu: another decision is in the package",
			(unsigned long long)entry->index);
	d->seen = true;
	entry->facts = d->facts;
	entry->decided = true;
	*ret_audited = package_decision_proven(d);
	return true;
}

static bool entry_take(struct package_case *c, const json_t *value, struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry entry = {0};
	bool audited = false;

	if (!ledger_entry_read(value, &entry, err) ||
		!ledger_entry_check(&entry, c->audit->tree_size, c->audit->tree_root, err) ||
		(entry.type == LEAF_DECISION && !decided(c, &entry, &audited, err)))
		return false;
	c->audit->entry_count++;
	c->audit->destroyed_count += entry.destroyed;
	named(c, &entry);
	package_gone_heed(c, &entry);
	if (!package_taken_note(c, &entry, err))
		return false;
	return !c->options->visit || c->options->visit(c->options->visit_arg, &entry, audited, err);
}

static bool page_take(struct package_case *c, const struct package_member *member, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	struct entry_page page;

	if (!json_open(member->content, PACKAGE_MEMBER_MAX, &root, err) ||
		!entry_page_read(root, &page, err))
		return false;
	if (page.tree_size != c->audit->tree_size ||
		memcmp(page.tree_root, c->audit->tree_root, SHA256_LEN) != 0)
		return err_set(err, ERR_MISMATCH, "proved from another tree than the checkpoint's");
	for (size_t i = 0; i < json_array_size(page.entries); i++)
		if (!entry_take(c, json_array_get(page.entries, i), err))
			return false;
	return true;
}

static bool pages_take(struct package_case *c, bool *ret_held, struct err *err)
{
	*ret_held = true;
	for (size_t i = 0; i < c->package->count; i++) {
		const struct package_member *member = &c->package->members[i];
		const char *what = package_what(member->path);
		struct err why = {0};

		if (!what || strcmp(what, "entries") != 0 || page_take(c, member, &why))
			continue;
		if (fatal(&why, err))
			return false;
		package_note(c, AUDIT_FAILED, "entries", "%s: %.150s", ESC(member->path), why.text);
		*ret_held = false;
	}
	return true;
}

static void note_unseen(struct package_case *c)
{
	size_t unseen = 0;

	for (size_t i = 0; i < c->audit->decision_count; i++)
		unseen += !c->audit->decisions[i].seen;
	if (unseen > 0)
		package_note(
			c, AUDIT_FAILED, "decisions", "%zu have no entry in the package", unseen);
}

bool package_entries(struct package_case *c, struct err *err)
{
	struct err why = {0};
	bool held = false;

	if (!tree_read(c, &why)) {
		if (fatal(&why, err))
			return false;
		package_note(c, AUDIT_FAILED, CHECKPOINT, "%.200s", why.text);
		return true;
	}
	if (!package_gone_open(c, err) || !package_taken_open(c, err) || !pages_take(c, &held, err))
		return false;
	note_absent(c);
	package_gone_close(c);
	package_taken_close(c);
	/* A tree that nobody vouches for proves as little as what stands in it. */
	if (held)
		package_note(c, c->anchors->log_policy ? AUDIT_PROVED : AUDIT_ASSERTED, "entries",
			"all %zu listed stand in that tree with the content that they commit to",
			c->audit->entry_count);
	note_unseen(c);
	return true;
}
