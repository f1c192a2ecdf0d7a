/* SPDX-License-Identifier: Apache-2.0 */
/* How words are put together. Private to policy/. */
#ifndef ASSAY_POLICY_WORDS_PRIVATE_H
#define ASSAY_POLICY_WORDS_PRIVATE_H

#include <stdarg.h>
#include <stdio.h>

#include "policy/words.h"

struct words {
	json_t *lines; /* sentences, or changes */
	bool failed; /* no memory; sticky */
};
void words_say(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends the name, escaped, behind a comma if there is something already. */
void words_put_name(struct buf *out, const char *name);

/* ---- differences ---- */

enum direction { DIFF_OTHER, DIFF_TIGHTER, DIFF_LOOSER };
struct diff {
	const struct policy *old, *new;
	struct words w; /* its lines are the changes */
};
void diff_note(struct diff *d, enum direction direction, const char *subject, const char *effect,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Nothing when equal. */
void diff_flag(struct diff *d, const char *subject, const char *key, bool old, bool new,
	enum direction when_set, const char *effect);
void diff_number(struct diff *d, const char *subject, const char *key, uint64_t old, uint64_t new,
	enum direction when_more, const char *effect);
void diff_text(struct diff *d, const char *subject, const char *key, const char *old,
	const char *new, enum direction direction, const char *effect);

/* A set whose members have an identity and a name. */
struct diff_item {
	uint8_t id[SHA256_LEN];
	char name[160]; /* escaped */
};
struct diff_items {
	struct diff_item *list; /* owned */
	size_t count, room;
};
void diff_items_release(struct diff_items *items);
/* name: of the member, escaped here; NULL: none. No memory: d has failed. */
void diff_items_add(
	struct diff *d, struct diff_items *items, const uint8_t id[SHA256_LEN], const char *name);
/* The same with the SHA-256 of the bytes as identity. */
void diff_items_add_bytes(
	struct diff *d, struct diff_items *items, struct bytes of, const char *name);
struct diff_set {
	const char *subject, *noun; /* "release keys", "release key" */
	enum direction added; /* taking one out goes the other way */
	const char *added_effect, *removed_effect;
	bool plain; /* the name says it all */
};
void diff_sets(struct diff *d, const struct diff_set *set, const struct diff_items *old,
	const struct diff_items *new);

/* words_placement.c: where agents of a class may run. */
void words_explain_placement(struct words *w, const struct policy_class *class);
void diff_placement(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new);

/* words_environment.c: whom the values of environments are kept for. */
void words_explain_environment(struct words *w, const struct policy_class *class);
void diff_environment(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new);
/* words_elevations.c: what a class lends for a time. */
void words_explain_elevations(struct words *w, const struct policy_class *class);
void diff_elevations(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new);

/* words_retention.c: how long content is kept. */
void words_say_retention(struct words *w, const struct policy *policy);
void words_explain_retention(
	struct words *w, const struct policy *policy, const struct policy_class *class);
void diff_retention(struct diff *d);

/* words_diff_identities.c, words_diff_hosts.c, words_diff_classes.c */
void diff_identities(struct diff *d);
void diff_host_classes(struct diff *d);
void diff_classes(struct diff *d, json_t *approvals_void);

#endif
