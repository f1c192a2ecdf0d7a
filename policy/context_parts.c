/* SPDX-License-Identifier: Apache-2.0 */
/* Encode and decode stand side by side, part for part. */
#include "policy/context_parts.h"

#include "policy/context_attributes.h"

#define CONTEXT_NAME_MAX 64u
#define PARTIES_MAX      4096u

enum {
	HOST_ID = 1,
	HOST_STATE,
	HOST_EPOCH,
	HOST_EK,
	HOST_AK,
	HOST_EK_CERTS,
	HOST_ENROLLED,
	HOST_SEEN,
	HOST_ATTRIBUTES /* only where there are any */
};
enum { SEEN_RESET = 1, SEEN_RESTART, SEEN_CLOCK, SEEN_FIRMWARE };
enum {
	CHALLENGE_NONCE = 1,
	CHALLENGE_HOST,
	CHALLENGE_INSTANCE,
	CHALLENGE_PURPOSE,
	CHALLENGE_COUNTER,
	CHALLENGE_ISSUED,
	CHALLENGE_EXPIRES,
	CHALLENGE_TREE_SIZE,
	CHALLENGE_TREE_ROOT
};
enum {
	WORKLOAD_NAME = 1,
	WORKLOAD_STATE,
	WORKLOAD_CLASS,
	WORKLOAD_ENVIRONMENT,
	WORKLOAD_REVIEWED,
	WORKLOAD_REVIEW_NEXT,
	WORKLOAD_THIRD_PARTIES
};
enum {
	ROLLOUT_KEY_ID = 1,
	ROLLOUT_KEY_STATE,
	ROLLOUT_KEY_SHARE,
	ROLLOUT_KEY_NEW,
	ROLLOUT_KEY_OLD,
	ROLLOUT_KEY_CHANGED,
	ROLLOUT_KEY_DRAIN
};

static const int64_t HOST_KEYS[] = {HOST_ID, HOST_STATE, HOST_EPOCH, HOST_EK, HOST_AK,
	HOST_EK_CERTS, HOST_ENROLLED, HOST_SEEN, HOST_ATTRIBUTES};
static const int64_t SEEN_KEYS[] = {SEEN_RESET, SEEN_RESTART, SEEN_CLOCK, SEEN_FIRMWARE};
static const int64_t CHALLENGE_KEYS[] = {CHALLENGE_NONCE, CHALLENGE_HOST, CHALLENGE_INSTANCE,
	CHALLENGE_PURPOSE, CHALLENGE_COUNTER, CHALLENGE_ISSUED, CHALLENGE_EXPIRES,
	CHALLENGE_TREE_SIZE, CHALLENGE_TREE_ROOT};
static const int64_t WORKLOAD_KEYS[] = {WORKLOAD_NAME, WORKLOAD_STATE, WORKLOAD_CLASS,
	WORKLOAD_ENVIRONMENT, WORKLOAD_REVIEWED, WORKLOAD_REVIEW_NEXT, WORKLOAD_THIRD_PARTIES};
#define WORKLOAD_KEYS_ALWAYS 4u
static const int64_t ROLLOUT_KEYS[] = {ROLLOUT_KEY_ID, ROLLOUT_KEY_STATE, ROLLOUT_KEY_SHARE,
	ROLLOUT_KEY_NEW, ROLLOUT_KEY_OLD, ROLLOUT_KEY_CHANGED, ROLLOUT_KEY_DRAIN};

bool context_put_object(struct cbor_writer *w, int64_t key, struct bytes object, struct err *err)
{
	uint8_t digest[SHA256_LEN];

	cbor_put_int(w, key);
	if (object.len == 0) {
		cbor_put_null(w);
		return true;
	}
	if (!sha256_of(object, digest, err))
		return false;
	cbor_put_bytes(w, BYTES_OF(digest));
	return true;
}

struct bytes context_read_object(struct cbor_item root, int64_t key, const char *field)
{
	struct cbor_item item = cbor_key(root, key, field);

	if (item.kind == CBOR_NULL)
		return (struct bytes){0};
	return cbor_bytes(item, SHA256_LEN, SHA256_LEN, field);
}

uint64_t context_read_number(struct cbor_item root, int64_t key, uint64_t max, const char *field)
{
	return cbor_uint(cbor_key(root, key, field), max, field);
}

int64_t context_read_time(struct cbor_item root, int64_t key, const char *field)
{
	return (int64_t)context_read_number(root, key, (uint64_t)POLICY_TIME_MAX, field);
}

/* ---- host ---- */

static void put_seen(struct cbor_writer *w, const struct context_host *host)
{
	cbor_put_int(w, HOST_SEEN);
	if (!host->seen) {
		cbor_put_null(w);
		return;
	}
	cbor_put_map(w, ARRAY_LEN(SEEN_KEYS));
	cbor_pair_uint(w, SEEN_RESET, host->reset_count);
	cbor_pair_uint(w, SEEN_RESTART, host->restart_count);
	cbor_pair_uint(w, SEEN_CLOCK, host->clock);
	cbor_pair_uint(w, SEEN_FIRMWARE, host->firmware_version);
}

bool context_put_host(struct cbor_writer *w, const struct context_host *host, struct err *err)
{
	cbor_put_map(w, ARRAY_LEN(HOST_KEYS) - (host->attribute_count == 0));
	cbor_pair_bytes(w, HOST_ID, BYTES_OF(host->id));
	cbor_pair_uint(w, HOST_STATE, host->state);
	cbor_pair_uint(w, HOST_EPOCH, host->epoch);
	cbor_pair_bytes(w, HOST_EK, host->ek_public);
	cbor_pair_bytes(w, HOST_AK, host->ak_public);
	if (!context_put_object(w, HOST_EK_CERTS, host->ek_certs, err))
		return false;
	cbor_pair_uint(w, HOST_ENROLLED, (uint64_t)host->enrolled);
	put_seen(w, host);
	if (host->attribute_count > 0) {
		cbor_put_int(w, HOST_ATTRIBUTES);
		context_put_attributes(w, host);
	}
	return true;
}

static void read_seen(struct cbor_item item, struct context_host *host)
{
	if (item.kind == CBOR_NULL)
		return;
	host->seen = true;
	cbor_only_keys(item, SEEN_KEYS, ARRAY_LEN(SEEN_KEYS), "seen");
	host->reset_count =
		(uint32_t)context_read_number(item, SEEN_RESET, UINT32_MAX, "reset count");
	host->restart_count =
		(uint32_t)context_read_number(item, SEEN_RESTART, UINT32_MAX, "restart count");
	host->clock = context_read_number(item, SEEN_CLOCK, UINT64_MAX, "clock");
	host->firmware_version =
		context_read_number(item, SEEN_FIRMWARE, UINT64_MAX, "firmware version");
}

void context_read_host(struct cbor_item item, struct context_host *host, struct bytes *ek_certs,
	struct host_attribute *attributes)
{
	cbor_only_keys(item, HOST_KEYS, ARRAY_LEN(HOST_KEYS), "host");
	cbor_copy(cbor_key(item, HOST_ID, "host id"), host->id, HOST_ID_LEN, "host id");
	host->state =
		(enum host_state)context_read_number(item, HOST_STATE, HOST_RETIRED, "host state");
	host->epoch = context_read_number(item, HOST_EPOCH, UINT64_MAX, "host epoch");
	host->ek_public =
		cbor_bytes(cbor_key(item, HOST_EK, "host EK"), 0, TPM_PUBLIC_MAX, "host EK");
	host->ak_public =
		cbor_bytes(cbor_key(item, HOST_AK, "host AK"), 0, TPM_PUBLIC_MAX, "host AK");
	*ek_certs = context_read_object(item, HOST_EK_CERTS, "host EK certificates");
	host->enrolled = context_read_time(item, HOST_ENROLLED, "enrolled");
	read_seen(cbor_key(item, HOST_SEEN, "seen"), host);
	context_read_attributes(cbor_key_optional(item, HOST_ATTRIBUTES), host, attributes);
}

/* ---- challenge ---- */

void context_put_challenge(struct cbor_writer *w, const struct context_challenge *c)
{
	cbor_put_map(w, ARRAY_LEN(CHALLENGE_KEYS));
	cbor_pair_bytes(w, CHALLENGE_NONCE, BYTES_OF(c->nonce));
	cbor_pair_bytes(w, CHALLENGE_HOST, BYTES_OF(c->host_id));
	cbor_pair_bytes(w, CHALLENGE_INSTANCE, BYTES_OF(c->instance));
	cbor_pair_uint(w, CHALLENGE_PURPOSE, c->purpose);
	cbor_pair_uint(w, CHALLENGE_COUNTER, c->counter);
	cbor_pair_uint(w, CHALLENGE_ISSUED, (uint64_t)c->issued);
	cbor_pair_uint(w, CHALLENGE_EXPIRES, (uint64_t)c->expires);
	cbor_pair_uint(w, CHALLENGE_TREE_SIZE, c->tree_size);
	cbor_pair_bytes(w, CHALLENGE_TREE_ROOT, BYTES_OF(c->tree_root));
}

void context_read_challenge(struct cbor_item item, struct context_challenge *c)
{
	cbor_only_keys(item, CHALLENGE_KEYS, ARRAY_LEN(CHALLENGE_KEYS), "challenge");
	cbor_copy(cbor_key(item, CHALLENGE_NONCE, "nonce"), c->nonce, SHA256_LEN, "nonce");
	cbor_copy(cbor_key(item, CHALLENGE_HOST, "challenge host"), c->host_id, HOST_ID_LEN,
		"challenge host");
	cbor_copy(cbor_key(item, CHALLENGE_INSTANCE, "instance"), c->instance, INSTANCE_ID_LEN,
		"instance");
	c->purpose = (enum purpose)context_read_number(
		item, CHALLENGE_PURPOSE, PURPOSE_RENEW, "purpose");
	c->counter = context_read_number(item, CHALLENGE_COUNTER, UINT64_MAX, "counter");
	c->issued = context_read_time(item, CHALLENGE_ISSUED, "issued");
	c->expires = context_read_time(item, CHALLENGE_EXPIRES, "expires");
	c->tree_size = context_read_number(item, CHALLENGE_TREE_SIZE, UINT64_MAX, "tree size");
	cbor_copy(cbor_key(item, CHALLENGE_TREE_ROOT, "tree root"), c->tree_root, SHA256_LEN,
		"tree root");
}

/* ---- workload ---- */

void context_put_workload(struct cbor_writer *w, const struct context_workload *workload)
{
	cbor_put_map(w, WORKLOAD_KEYS_ALWAYS + (workload->reviewed != 0) +
				(workload->review_next != 0) + (workload->third_parties.len > 0));
	cbor_pair_text(w, WORKLOAD_NAME, workload->name);
	cbor_pair_uint(w, WORKLOAD_STATE, workload->state);
	cbor_pair_text(w, WORKLOAD_CLASS, workload->risk_class);
	cbor_pair_text(w, WORKLOAD_ENVIRONMENT, workload->environment);
	if (workload->reviewed != 0)
		cbor_pair_uint(w, WORKLOAD_REVIEWED, (uint64_t)workload->reviewed);
	if (workload->review_next != 0)
		cbor_pair_uint(w, WORKLOAD_REVIEW_NEXT, (uint64_t)workload->review_next);
	if (workload->third_parties.len > 0)
		cbor_pair_text(w, WORKLOAD_THIRD_PARTIES, workload->third_parties);
}

/* Absent, as in records from before there were reviews: 0, which is written in no other way. */
static int64_t read_review(struct cbor_item workload, int64_t key, const char *field)
{
	struct cbor_item item = cbor_key_optional(workload, key);
	int64_t time = 0;

	if (item.kind == CBOR_ABSENT)
		return 0;
	time = (int64_t)cbor_uint(item, (uint64_t)POLICY_TIME_MAX, field);
	if (time == 0)
		cbor_fail(item, field, "0 is said by leaving it out");
	return time;
}

static struct bytes read_parties(struct cbor_item workload)
{
	struct cbor_item item = cbor_key_optional(workload, WORKLOAD_THIRD_PARTIES);

	if (item.kind == CBOR_ABSENT)
		return (struct bytes){0};
	return cbor_text(item, 1, PARTIES_MAX, "third parties");
}

void context_read_workload(struct cbor_item item, struct context_workload *w)
{
	cbor_only_keys(item, WORKLOAD_KEYS, ARRAY_LEN(WORKLOAD_KEYS), "workload");
	w->name = cbor_text(cbor_key(item, WORKLOAD_NAME, "workload name"), 0, CONTEXT_NAME_MAX,
		"workload name");
	w->state = (enum workload_state)context_read_number(
		item, WORKLOAD_STATE, WORKLOAD_RETIRED, "workload state");
	w->risk_class = cbor_text(
		cbor_key(item, WORKLOAD_CLASS, "risk class"), 0, CONTEXT_NAME_MAX, "risk class");
	w->environment = cbor_text(cbor_key(item, WORKLOAD_ENVIRONMENT, "environment"), 0,
		CONTEXT_NAME_MAX, "environment");
	w->reviewed = read_review(item, WORKLOAD_REVIEWED, "reviewed");
	w->review_next = read_review(item, WORKLOAD_REVIEW_NEXT, "next review");
	w->third_parties = read_parties(item);
}

/* ---- rollout ---- */

void context_put_rollout(struct cbor_writer *w, const struct rollout_view *r)
{
	cbor_put_map(w, ARRAY_LEN(ROLLOUT_KEYS));
	cbor_pair_bytes(w, ROLLOUT_KEY_ID, BYTES_OF(r->id));
	cbor_pair_uint(w, ROLLOUT_KEY_STATE, r->state);
	cbor_pair_uint(w, ROLLOUT_KEY_SHARE, r->share);
	cbor_pair_bytes(w, ROLLOUT_KEY_NEW, BYTES_OF(r->release_new));
	cbor_pair_bytes(w, ROLLOUT_KEY_OLD, BYTES_OF(r->release_old));
	cbor_pair_uint(w, ROLLOUT_KEY_CHANGED, (uint64_t)r->changed);
	cbor_pair_uint(w, ROLLOUT_KEY_DRAIN, (uint64_t)r->drain);
}

void context_read_rollout(struct cbor_item item, struct rollout_view *r)
{
	if (item.kind == CBOR_ABSENT)
		return;
	cbor_only_keys(item, ROLLOUT_KEYS, ARRAY_LEN(ROLLOUT_KEYS), "rollout");
	cbor_copy(
		cbor_key(item, ROLLOUT_KEY_ID, "rollout id"), r->id, ROLLOUT_ID_LEN, "rollout id");
	r->state = (enum rollout_state)context_read_number(
		item, ROLLOUT_KEY_STATE, ROLLOUT_ROLLED_BACK, "rollout state");
	if (r->state == ROLLOUT_NONE)
		cbor_fail(item, "rollout state", "0: left out where there was none");
	r->share = (unsigned)context_read_number(
		item, ROLLOUT_KEY_SHARE, ROLLOUT_SHARE_ALL, "rollout share");
	cbor_copy(cbor_key(item, ROLLOUT_KEY_NEW, "new release"), r->release_new, SHA256_LEN,
		"new release");
	cbor_copy(cbor_key(item, ROLLOUT_KEY_OLD, "old release"), r->release_old, SHA256_LEN,
		"old release");
	r->changed = context_read_time(item, ROLLOUT_KEY_CHANGED, "rollout changed");
	r->drain = (int64_t)context_read_number(
		item, ROLLOUT_KEY_DRAIN, (uint64_t)ROLLOUT_DRAIN_MAX, "rollout drain");
}
