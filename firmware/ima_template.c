/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/ima_template.h"

#include "base/text.h"

static const char *const field_names[] = {
	[IMA_FIELD_D] = "d",
	[IMA_FIELD_N] = "n",
	[IMA_FIELD_D_NG] = "d-ng",
	[IMA_FIELD_D_NGV2] = "d-ngv2",
	[IMA_FIELD_N_NG] = "n-ng",
	[IMA_FIELD_SIG] = "sig",
	[IMA_FIELD_BUF] = "buf",
	[IMA_FIELD_D_MODSIG] = "d-modsig",
	[IMA_FIELD_MODSIG] = "modsig",
	[IMA_FIELD_EVMSIG] = "evmsig",
	[IMA_FIELD_XATTRNAMES] = "xattrnames",
	[IMA_FIELD_XATTRLENGTHS] = "xattrlengths",
	[IMA_FIELD_XATTRVALUES] = "xattrvalues",
	[IMA_FIELD_IUID] = "iuid",
	[IMA_FIELD_IGID] = "igid",
	[IMA_FIELD_IMODE] = "imode",
};
static_assert(ARRAY_LEN(field_names) == IMA_FIELD_COUNT, "a name for each field");

/* Linux security/integrity/ima/ima_template.c, builtin_templates. */
static const struct {
	const char *name, *fields;
} templates[] = {
	{"ima-ng", "d-ng|n-ng"},
	{"ima-sig", "d-ng|n-ng|sig"},
	{"ima-ngv2", "d-ngv2|n-ng"},
	{"ima-sigv2", "d-ngv2|n-ng|sig"},
	{"ima-buf", "d-ng|n-ng|buf"},
	{"ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig"},
	{"evm-sig", "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode"},
	{"ima", "d|n"},
};

/* Linux crypto/hash_info.c, hash_algo_name, and older spellings of SM3. */
static const struct {
	struct bytes name;
	uint8_t len;
	enum digest_alg alg;
} algorithms[] = {
	{{(const uint8_t *)"sha256", 6}, 32, DIGEST_SHA256},
	{{(const uint8_t *)"sha1", 4}, 20, DIGEST_SHA1},
	{{(const uint8_t *)"sha384", 6}, 48, DIGEST_SHA384},
	{{(const uint8_t *)"sha512", 6}, 64, DIGEST_SHA512},
	{{(const uint8_t *)"sha224", 6}, 28, DIGEST_NONE},
	{{(const uint8_t *)"md4", 3}, 16, DIGEST_NONE},
	{{(const uint8_t *)"md5", 3}, 16, DIGEST_NONE},
	{{(const uint8_t *)"rmd128", 6}, 16, DIGEST_NONE},
	{{(const uint8_t *)"rmd160", 6}, 20, DIGEST_NONE},
	{{(const uint8_t *)"rmd256", 6}, 32, DIGEST_NONE},
	{{(const uint8_t *)"rmd320", 6}, 40, DIGEST_NONE},
	{{(const uint8_t *)"wp256", 5}, 32, DIGEST_NONE},
	{{(const uint8_t *)"wp384", 5}, 48, DIGEST_NONE},
	{{(const uint8_t *)"wp512", 5}, 64, DIGEST_NONE},
	{{(const uint8_t *)"tgr128", 6}, 16, DIGEST_NONE},
	{{(const uint8_t *)"tgr160", 6}, 20, DIGEST_NONE},
	{{(const uint8_t *)"tgr192", 6}, 24, DIGEST_NONE},
	{{(const uint8_t *)"sm3", 3}, 32, DIGEST_NONE},
	{{(const uint8_t *)"sm3-256", 7}, 32, DIGEST_NONE},
	{{(const uint8_t *)"sm3_256", 7}, 32, DIGEST_NONE},
	{{(const uint8_t *)"streebog256", 11}, 32, DIGEST_NONE},
	{{(const uint8_t *)"streebog512", 11}, 64, DIGEST_NONE},
	{{(const uint8_t *)"sha3-256", 8}, 32, DIGEST_NONE},
	{{(const uint8_t *)"sha3-384", 8}, 48, DIGEST_NONE},
	{{(const uint8_t *)"sha3-512", 8}, 64, DIGEST_NONE},
};

const char *ima_field_name(enum ima_field field)
{
	return field < IMA_FIELD_COUNT ? field_names[field] : "unknown";
}

/* Width of a hash algorithm by the kernel's name, 0 when it is not known, and which of ours it is. */
static size_t alg_of_name(struct bytes name, enum digest_alg *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (bytes_equal(name, algorithms[i].name)) {
			*ret = algorithms[i].alg;
			return algorithms[i].len;
		}
	return 0;
}

static bool find_field(struct bytes name, uint8_t *ret)
{
	for (size_t i = 0; i < IMA_FIELD_COUNT; i++)
		if (bytes_equal_str(name, field_names[i])) {
			*ret = (uint8_t)i;
			return true;
		}
	return false;
}

/* Fields that say the same thing: an entry has at most one of them. */
static uint32_t field_group(uint8_t field)
{
	const uint32_t digests = 1u << IMA_FIELD_D | 1u << IMA_FIELD_D_NG | 1u << IMA_FIELD_D_NGV2;
	const uint32_t paths = 1u << IMA_FIELD_N | 1u << IMA_FIELD_N_NG;
	uint32_t bit = 1u << field;

	return bit & digests ? digests : bit & paths ? paths : bit;
}

/* The part of a field list up to the next '|', which is taken off the list; *ret_last when there is
 * none. */
static struct bytes next_part(struct bytes *list, bool *ret_last)
{
	const uint8_t *bar = list->len ? memchr(list->data, '|', list->len) : NULL;
	struct bytes part = {list->data, bar ? (size_t)(bar - list->data) : list->len};

	*ret_last = bar == NULL;
	if (bar)
		*list = bytes_of(bar + 1, list->len - part.len - 1);
	return part;
}

bool ima_template_fields(
	struct bytes name, uint8_t ret_fields[IMA_FIELDS_MAX], size_t *ret_count, struct err *err)
{
	struct bytes list = name;
	uint32_t used = 0;
	size_t count = 0;
	bool last = false, known = false;

	for (size_t i = 0; i < ARRAY_LEN(templates) && !known; i++) {
		known = bytes_equal_str(name, templates[i].name);
		list = known ? bytes_str(templates[i].fields) : name;
	}
	while (!last) {
		struct bytes part = next_part(&list, &last);
		uint8_t field = 0;

		if (!find_field(part, &field))
			return count == 0 && last
				       ? err_set(err, ERR_UNSUPPORTED,
						 "template \"%s\" is not known", ESC(name))
				       : err_set(err, ERR_UNSUPPORTED,
						 "template \"%s\": field \"%s\" is not known",
						 ESC(name), ESC(part));
		if (used & field_group(field))
			return err_set(err, ERR_FORMAT,
				"template \"%s\": field \"%s\" is one too many", ESC(name),
				ESC(part));
		used |= field_group(field);
		ret_fields[count++] = field;
	}
	*ret_count = count;
	return true;
}

struct digest_field {
	enum ima_digest_type type;
	struct bytes name, digest;
	enum digest_alg alg;
};

/* Splits "algorithm:" NUL digest, with the type in front in d-ngv2. */
static bool read_digest(
	struct reader *r, struct bytes in, bool typed, struct digest_field *ret, struct err *err)
{
	const uint8_t *nul = in.len ? memchr(in.data, '\0', in.len) : NULL;
	struct bytes head = {in.data, nul ? (size_t)(nul - in.data) : 0};
	size_t len;

	if (head.len == 0 || head.data[head.len - 1] != ':')
		return rd_fail(r, "digest", "no algorithm before it"), true;
	head.len--;
	ret->digest = bytes_of(nul + 1, in.len - head.len - 2);
	ret->type = IMA_DIGEST_FILE;
	if (typed) {
		const uint8_t *colon = head.len ? memchr(head.data, ':', head.len) : NULL;
		struct bytes type = {head.data, colon ? (size_t)(colon - head.data) : 0};

		if (bytes_equal_str(type, "verity"))
			ret->type = IMA_DIGEST_VERITY;
		else if (!bytes_equal_str(type, "ima"))
			return rd_fail(r, "digest", "its type is neither ima nor verity"), true;
		head = bytes_of(colon + 1, head.len - type.len - 1);
	}
	ret->name = head;
	len = alg_of_name(head, &ret->alg);
	if (!len)
		return err_set(
			err, ERR_UNSUPPORTED, "hash algorithm \"%s\" is not known", ESC(head));
	if (ret->digest.len != len)
		rd_fail(r, "digest", "not as wide as its algorithm");
	return true;
}

static bool read_file_digest(
	struct reader *r, struct bytes in, bool typed, struct ima_entry *ret, struct err *err)
{
	struct digest_field field = {0};

	if (!read_digest(r, in, typed, &field, err))
		return false;
	ret->digest_type = field.type;
	ret->digest_alg = field.name;
	ret->digest = field.digest;
	ret->alg = field.alg;
	return true;
}

/* Empty where there is no appended signature. */
static bool read_modsig_digest(
	struct reader *r, struct bytes in, struct ima_entry *ret, struct err *err)
{
	struct digest_field field = {0};

	if (in.len && !read_digest(r, in, false, &field, err))
		return false;
	ret->modsig_digest = field.digest;
	ret->modsig_alg = field.alg;
	return true;
}

static void read_path(struct reader *r, struct bytes in, struct ima_entry *ret)
{
	if (in.len > IMA_PATH_MAX)
		rd_fail(r, "path", "too long");
	else if (in.len == 0 || in.data[in.len - 1] != '\0' ||
		 memchr(in.data, '\0', in.len) != in.data + in.len - 1)
		rd_fail(r, "path", "not ended by the only NUL in it");
	else
		ret->path = bytes_of(in.data, in.len - 1);
}

static void set_old_digest(struct bytes in, struct ima_entry *ret)
{
	ret->digest = in;
	ret->digest_alg = BYTES_LIT("sha1");
	ret->alg = DIGEST_SHA1;
	ret->digest_type = IMA_DIGEST_FILE;
}

static bool read_field(
	struct reader *r, uint8_t field, struct bytes in, struct ima_entry *ret, struct err *err)
{
	switch (field) {
	case IMA_FIELD_D:
		if (in.len != 20)
			rd_fail(r, "digest", "not 20 bytes");
		set_old_digest(in, ret);
		return true;
	case IMA_FIELD_D_NG:
	case IMA_FIELD_D_NGV2:
		return read_file_digest(r, in, field == IMA_FIELD_D_NGV2, ret, err);
	case IMA_FIELD_D_MODSIG:
		return read_modsig_digest(r, in, ret, err);
	case IMA_FIELD_N:
	case IMA_FIELD_N_NG:
		read_path(r, in, ret);
		return true;
	default:
		return true;
	}
}

bool ima_fields_read(struct reader *r, const uint8_t *fields, size_t count, struct ima_entry *ret,
	struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = field_names[fields[i]];
		size_t len = rd_le32(r, name);
		struct bytes in = rd_bytes(r, len, name);

		if (rd_failed(r))
			return true;
		ret->fields |= 1u << fields[i];
		ret->field[fields[i]] = in;
		if (!read_field(r, fields[i], in, ret, err))
			return false;
	}
	return true;
}

void ima_fields_read_old(struct reader *r, struct ima_entry *ret)
{
	struct bytes digest = rd_bytes(r, 20, "d");
	size_t len = rd_le32(r, "n");

	if (len > IMA_OLD_PATH_MAX)
		rd_fail(r, "n", "too long");
	ret->path = rd_bytes(r, len, "n");
	if (ret->path.len && memchr(ret->path.data, '\0', ret->path.len))
		rd_fail(r, "n", "has a NUL in it");
	set_old_digest(digest, ret);
	ret->fields = 1u << IMA_FIELD_D | 1u << IMA_FIELD_N;
	ret->field[IMA_FIELD_D] = digest;
	ret->field[IMA_FIELD_N] = ret->path;
}
