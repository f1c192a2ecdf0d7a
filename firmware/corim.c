/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/corim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cbor.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/cose.h"
#include "firmware/corim_private.h"

enum {
	TAGS_MAX = 64,
};

void corim_skip_note(struct corim *corim, const char *what, uint64_t number, bool numbered)
{
	char text[sizeof(corim->skips[0].what)];

	if (numbered)
		(void)snprintf(text, sizeof(text), "%s %llu", what, (unsigned long long)number);
	else
		(void)snprintf(text, sizeof(text), "%s", what);
	for (size_t i = 0; i < corim->skip_count; i++)
		if (strcmp(corim->skips[i].what, text) == 0) {
			corim->skips[i].count++;
			return;
		}
	if (corim->skip_count == CORIM_SKIPS_MAX)
		corim->skips[CORIM_SKIPS_MAX - 1].count++;
	else {
		struct corim_skip *entry = &corim->skips[corim->skip_count++];

		memcpy(entry->what, text, sizeof(text));
		entry->count = 1;
	}
}

/* False when a CoMID could not be read; err says why. */
static bool read_tags(struct corim *corim, struct cbor_item tags, struct err *err)
{
	size_t n = cbor_array(tags, TAGS_MAX, "tags");

	if (n == 0)
		cbor_fail(tags, "tags", "empty");
	for (size_t i = 0; i < n; i++) {
		struct cbor_item tag = cbor_at(tags, i, "tag");
		struct bytes comid;

		if (tag.kind != CBOR_TAG || tag.value != CORIM_TAG_COMID) {
			const char *name =
				tag.kind == CBOR_TAG ? corim_tag_name(tag.value) : "untagged tag";

			corim_skip_note(corim, name ? name : "tag", tag.value, name == NULL);
			continue;
		}
		comid = cbor_bytes(
			cbor_untag(tag, CORIM_TAG_COMID, "CoMID"), 1, CORIM_MAX, "CoMID");
		if (comid.len == 0)
			break; /* the document has failed */
		if (!corim_comid_read(comid, corim, err))
			return false;
	}
	return true;
}

/* ---- validity ---- */

static int64_t read_time(struct cbor_item item, const char *field)
{
	return cbor_int(item.kind == CBOR_TAG ? cbor_untag(item, 1, field) : item, field);
}

static void narrow(struct corim *corim, struct cbor_item not_before, struct cbor_item not_after)
{
	if (not_before.kind != CBOR_ABSENT) {
		int64_t time = read_time(not_before, "not-before");

		if (!corim->has_not_before || time > corim->not_before)
			corim->not_before = time;
		corim->has_not_before = true;
	}
	if (not_after.kind != CBOR_ABSENT) {
		int64_t time = read_time(not_after, "not-after");

		if (!corim->has_not_after || time < corim->not_after)
			corim->not_after = time;
		corim->has_not_after = true;
	}
}

static void read_validity(struct corim *corim, struct cbor_item validity)
{
	if (validity.kind == CBOR_ABSENT)
		return;
	narrow(corim, cbor_key_optional(validity, 0), cbor_key(validity, 1, "not-after"));
}

static bool check_time(const struct corim *corim, int64_t now, struct err *err)
{
	char limit[TIME_TEXT_MAX], at[TIME_TEXT_MAX];

	if (now == CORIM_ANY_TIME)
		return true;
	if (corim->has_not_before && now < corim->not_before)
		return err_set(err, ERR_MISMATCH, "CoRIM: not valid before %s, it is %s",
			time_format(corim->not_before, limit), time_format(now, at));
	if (corim->has_not_after && now > corim->not_after)
		return err_set(err, ERR_MISMATCH, "CoRIM: expired at %s, it is %s",
			time_format(corim->not_after, limit), time_format(now, at));
	return true;
}

/* ---- the manifest ---- */

static void read_id(struct corim *corim, struct cbor_item id)
{
	if (id.kind == CBOR_BYTES) {
		uint8_t uuid[16] = {0};

		cbor_copy(id, uuid, sizeof(uuid), "id");
		hex_encode(BYTES_OF(uuid), corim->id);
	} else {
		(void)text_escape(
			cbor_text(id, 1, CORIM_NAME_MAX, "id"), corim->id, sizeof(corim->id));
	}
}

/* A URI (tag 32, or bare in old files) or an OID (tag 111); an array of one in old files. */
static void read_profile(struct corim *corim, struct cbor_item profile)
{
	if (profile.kind == CBOR_ARRAY && cbor_array(profile, 8, "profile") > 0)
		profile = cbor_at(profile, 0, "profile");
	if (profile.kind == CBOR_TAG && profile.value == 32)
		profile = cbor_untag(profile, 32, "profile");
	if (profile.kind == CBOR_TEXT)
		(void)text_escape(profile.bytes, corim->profile, sizeof(corim->profile));
	else if (profile.kind != CBOR_ABSENT)
		hex_encode(bytes_of(profile.raw.data, profile.raw.len < 64 ? profile.raw.len : 64),
			corim->profile);
}

/* 500(…) and 502(…) around what they hold, as early drafts wrote it. */
static struct bytes strip_legacy(struct bytes in)
{
	static const uint8_t tags[][3] = {{0xd9, 0x01, 0xf4}, {0xd9, 0x01, 0xf6}};

	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (in.len > sizeof(tags[i]) && memcmp(in.data, tags[i], sizeof(tags[i])) == 0)
			in = bytes_of(in.data + sizeof(tags[i]), in.len - sizeof(tags[i]));
	return in;
}

static bool read_manifest(struct bytes in, struct corim *corim, struct err *err)
{
	struct cbor_doc doc;
	struct cbor_item root, map;

	if (!cbor_open(in, false, "CoRIM", &doc, &root, err))
		return false;
	map = cbor_untag(root, CORIM_TAG_MANIFEST, "tag 501");
	cbor_map(map, 64, "manifest");
	read_id(corim, cbor_key(map, 0, "id"));
	read_profile(corim, cbor_key_optional(map, 3));
	read_validity(corim, cbor_key_optional(map, 4));
	return read_tags(corim, cbor_key(map, 1, "tags"), err) && cbor_close(&doc, err);
}

/* ---- the signature ---- */

static void read_meta(struct corim *corim, struct cbor_item meta)
{
	struct cbor_item signer = cbor_key(meta, 0, "signer");

	(void)text_escape(
		cbor_text(cbor_key(signer, 0, "signer name"), 1, CORIM_NAME_MAX, "signer name"),
		corim->signer, sizeof(corim->signer));
	read_validity(corim, cbor_key_optional(meta, 1));
}

static void read_claims(struct corim *corim, struct cbor_item claims)
{
	char issuer[CORIM_TEXT_MAX];

	(void)text_escape(cbor_text(cbor_key(claims, 1, "iss"), 1, CORIM_NAME_MAX, "iss"), issuer,
		sizeof(issuer));
	if (corim->signer[0] && strcmp(corim->signer, issuer) != 0)
		cbor_fail(claims, "iss", "not the signer named in corim-meta");
	memcpy(corim->signer, issuer, sizeof(issuer));
	narrow(corim, cbor_key_optional(claims, 5), cbor_key_optional(claims, 4));
}

static bool read_protected(struct bytes in, struct corim *corim, struct err *err)
{
	struct cbor_doc doc, meta_doc;
	struct cbor_item root, meta, claims, inner;

	if (!cbor_open(in, false, "protected header", &doc, &root, err))
		return false;
	meta = cbor_key_optional(root, 8);
	claims = cbor_key_optional(root, 15);
	if (cbor_key_optional(root, 258).kind != CBOR_ABSENT)
		return err_set(err, ERR_UNSUPPORTED, "a signed digest in the manifest's place");
	if (meta.kind == CBOR_ABSENT && claims.kind == CBOR_ABSENT)
		return err_set(err, ERR_FORMAT, "neither corim-meta nor CWT claims");
	if (meta.kind != CBOR_ABSENT) {
		struct bytes content = cbor_bytes(meta, 1, 65536, "corim-meta");

		if (!cbor_close(&doc, err) ||
			!cbor_open(content, false, "corim-meta", &meta_doc, &inner, err))
			return false;
		read_meta(corim, inner);
		if (!cbor_close(&meta_doc, err))
			return false;
	}
	if (claims.kind != CBOR_ABSENT)
		read_claims(corim, claims);
	return cbor_close(&doc, err);
}

static bool read_signed(struct bytes in, const struct key *key, struct corim *corim,
	struct bytes *ret_payload, struct err *err)
{
	struct cose_sign1 message;

	if (!cose_sign1_parse(in, &message, err))
		return false;
	if (!bytes_equal_str(message.content_type, CORIM_CONTENT_TYPE) &&
		!bytes_equal_str(message.content_type, CORIM_CONTENT_TYPE_OLD))
		return err_set(err, ERR_FORMAT, "content type \"%s\", expected %s",
			ESC(message.content_type), CORIM_CONTENT_TYPE);
	if (message.detached)
		return err_set(err, ERR_UNSUPPORTED, "the manifest is detached");
	if (key && !cose_sign1_verify(&message, key, (struct bytes){0}, (struct bytes){0}, err))
		return false;
	if (!read_protected(message.protected_, corim, err))
		return false;
	corim->verified = key != NULL;
	*ret_payload = strip_legacy(message.payload);
	return true;
}

bool corim_read(
	struct bytes in, const struct key *key, int64_t now, struct corim *ret, struct err *err)
{
	struct corim corim = {0};
	struct bytes manifest;
	bool is_signed, ok = true;

	*ret = corim;
	if (in.len > CORIM_MAX)
		return err_set(err, ERR_LIMIT, "CoRIM: more than %u bytes", CORIM_MAX);
	manifest = strip_legacy(in);
	is_signed = manifest.len && manifest.data[0] == 0xd2; /* tag 18 */
	if (key && !is_signed)
		return err_set(err, ERR_MISMATCH, "CoRIM: not signed");
	if (is_signed && !read_signed(manifest, key, &corim, &manifest, err))
		ok = err_wrap(err, "signed CoRIM");
	ok = ok && read_manifest(manifest, &corim, err) && check_time(&corim, now, err);
	if (!ok) {
		corim_release(&corim);
		return false;
	}
	*ret = corim;
	return true;
}

void corim_release(struct corim *corim)
{
	free(corim->environments);
	free(corim->values);
	memset(corim, 0, sizeof(*corim));
}

enum corim_match corim_match(const struct corim *corim, uint32_t pcr, const struct digest *value)
{
	enum corim_match match = CORIM_ABSENT;

	for (size_t i = 0; i < corim->count; i++) {
		if (corim->values[i].pcr != pcr || corim->values[i].digest.alg != value->alg)
			continue;
		if (digest_equal(&corim->values[i].digest, value))
			return CORIM_EQUAL;
		match = CORIM_DIFFERENT;
	}
	return match;
}
