/* SPDX-License-Identifier: Apache-2.0 */
/* Inside firmware/: what is known of each event type. */
#ifndef ASSAY_FIRMWARE_EVENT_PRIVATE_H
#define ASSAY_FIRMWARE_EVENT_PRIVATE_H

#include "firmware/event_log.h"

enum cover_rule {
	COVER_NEVER = 0, /* the digest is that of something outside the log */
	COVER_MAY, /* firmware does either: covered when it matches */
	COVER_MUST, /* the specification says so: a mismatch refuses the log */
};
#define COVER_CANDIDATES_MAX 3u
#define COVER_NAME_MAX       64u

/* What the digest may have been made over: the first candidate that matches counts. */
struct cover {
	bool agile; /* given: the log's form, since the older specification has rules of its own */
	enum cover_rule rule;
	size_t count;
	struct {
		bool covers; /* otherwise a digest that is known, but not of the data */
		struct bytes covered; /* part of the event's data */
		struct bytes hashed[2]; /* what goes into the hash */
	} candidates[COVER_CANDIDATES_MAX];
	uint8_t name[COVER_NAME_MAX]; /* what a candidate may hash that is not in the data */
};

struct event_type {
	uint32_t type;
	const char *name;
	void (*cover)(const struct firmware_event *event, struct cover *ret);
	void (*text)(const struct firmware_event *event, struct buf *out);
};
/* Never NULL: types that are not known have an entry without a name. */
const struct event_type *event_type_of(uint32_t type);

/* Sets coverage and covered, by the banks of the log that are checked. */
must_use bool event_check(
	const struct event_log *log, struct firmware_event *event, struct err *err);

/* ---- event_cover.c ----
 * One for each way of hashing; ret is zero on entry but for `agile`, and zero is COVER_NEVER. */
void cover_never(const struct firmware_event *event, struct cover *ret);
void cover_may(const struct firmware_event *event, struct cover *ret);
void cover_must(const struct firmware_event *event, struct cover *ret);
void cover_action(const struct firmware_event *event, struct cover *ret);
void cover_variable(const struct firmware_event *event, struct cover *ret);
void cover_boot_variable(const struct firmware_event *event, struct cover *ret);
void cover_authority(const struct firmware_event *event, struct cover *ret);
void cover_separator(const struct firmware_event *event, struct cover *ret);
void cover_ipl(const struct firmware_event *event, struct cover *ret);
void cover_tag(const struct firmware_event *event, struct cover *ret);

/* The text behind GRUB's prefix ("kernel_cmdline: …"), without NULs; false when data has none of
 * them. *ret_line: it is a kernel command line. */
bool grub_text(struct bytes data, struct bytes *ret, bool *ret_line);
/* Tags whose digest is over content outside the log (Linux, systemd); NULL for others. */
const char *tag_of_content(uint32_t id);
/* EV_EVENT_TAG: id, then data of exactly the length given. */
bool tag_split(struct bytes data, uint32_t *ret_id, struct bytes *ret_data);
/* UTF-16LE with an even length, text all the way to a NUL at its end. */
bool is_utf16_text(struct bytes data);

#endif
