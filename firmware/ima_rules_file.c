/* SPDX-License-Identifier: Apache-2.0 */
/* The text of IMA rules: docs/formats/ima.md. */
#include "firmware/ima_rules_private.h"

#include <stdlib.h>

#include "base/text.h"
#include "firmware/glob.h"

struct parse {
	struct ima_rules *rules;
	size_t file_cap, glob_cap;
	struct err *err;
};

/* One line, taken apart from the left. Its bytes may be rewritten. */
struct line {
	uint8_t *data;
	size_t len;
};

/* The bytes up to the next space, which is taken off too. */
static struct bytes take_word(struct line *line)
{
	uint8_t *space = line->len ? memchr(line->data, ' ', line->len) : NULL;
	size_t len = space ? (size_t)(space - line->data) : line->len;
	struct bytes word = bytes_of(line->data, len);

	line->data += space ? len + 1 : len;
	line->len -= space ? len + 1 : len;
	return word;
}

/* Resolves \\ \n \r \t and \xNN in place, as sha256sum and text_escape write them. */
static bool unescape(struct line *line, struct err *err)
{
	static const char from[] = "\\nrt", to[] = "\\\n\r\t";
	size_t out = 0;

	for (size_t at = 0; at < line->len; at++) {
		uint8_t c = line->data[at];

		if (c == '\\') {
			uint8_t next = at + 1 < line->len ? line->data[at + 1] : 0;
			const char *found = next ? strchr(from, next) : NULL;
			uint8_t byte;

			if (found) {
				c = (uint8_t)to[found - from];
				at += 1;
			} else if (next == 'x' && at + 3 < line->len &&
				   hex_decode_exact(
					   bytes_of(line->data + at + 2, 2), &byte, 1, NULL)) {
				c = byte;
				at += 3;
			} else {
				return err_set(err, ERR_CONFIG, "escape that is none");
			}
		}
		line->data[out++] = c;
	}
	line->len = out;
	return true;
}

static const struct {
	const char *prefix;
	enum digest_alg alg;
	enum ima_digest_type type;
} digest_prefixes[] = {
	{"sha256:", DIGEST_SHA256, IMA_DIGEST_FILE},
	{"sha384:", DIGEST_SHA384, IMA_DIGEST_FILE},
	{"sha512:", DIGEST_SHA512, IMA_DIGEST_FILE},
	{"verity:sha256:", DIGEST_SHA256, IMA_DIGEST_VERITY},
	{"verity:sha512:", DIGEST_SHA512, IMA_DIGEST_VERITY},
};

/* "sha256:HEX"; 64 hex digits alone are SHA-256. Decoded into the text itself. */
static bool read_digest(struct bytes word, struct ima_known *ret, struct err *err)
{
	struct bytes hex = word;
	uint8_t digest[DIGEST_LEN_MAX];

	*ret = (struct ima_known){.alg = DIGEST_SHA256, .type = IMA_DIGEST_FILE};
	for (size_t i = 0; i < ARRAY_LEN(digest_prefixes); i++) {
		size_t len = strlen(digest_prefixes[i].prefix);

		if (word.len < len || memcmp(word.data, digest_prefixes[i].prefix, len) != 0)
			continue;
		ret->alg = (uint8_t)digest_prefixes[i].alg;
		ret->type = (uint8_t)digest_prefixes[i].type;
		hex = bytes_of(word.data + len, word.len - len);
	}
	ret->digest_len = (uint8_t)digest_alg_len((enum digest_alg)ret->alg);
	if (!hex_decode_exact(hex, digest, ret->digest_len, err))
		return err_set(err, ERR_CONFIG, "neither a rule nor a digest: \"%s\"", ESC(word));
	/* The rules own the text, and two digits make room for their byte. */
	memcpy((uint8_t *)hex.data, digest, ret->digest_len);
	ret->digest = hex.data;
	return true;
}

/* Doubles an array when it is full. */
static bool grow(void **array, size_t *cap, size_t count, size_t size, struct err *err)
{
	size_t wanted = *cap ? 2 * *cap : 64;
	void *grown;

	if (count < *cap)
		return true;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return err_set(err, ERR_NOMEM, "out of memory");
	*array = grown;
	*cap = wanted;
	return true;
}

/* What is left of the line as a path; IMA logs spaces as underscores. */
static bool take_path(struct line *line, struct ima_known *ret, struct err *err)
{
	if (line->len == 0 || line->len > IMA_PATH_MAX || memchr(line->data, '\0', line->len))
		return err_set(err, ERR_CONFIG, "path of 1 to %d bytes without NUL expected",
			IMA_PATH_MAX);
	for (size_t i = 0; i < line->len; i++)
		if (line->data[i] == ' ')
			line->data[i] = '_';
	ret->path = (const char *)line->data;
	ret->path_len = (uint32_t)line->len;
	return true;
}

/* "[\]DIGEST  PATH", or " *PATH" of sha256sum's binary mode. */
static bool read_file(struct parse *p, struct line line)
{
	struct ima_rules *rules = p->rules;
	struct ima_known known;
	bool escaped = line.data[0] == '\\';
	void *files = rules->files;

	line.data += escaped;
	line.len -= escaped;
	if (!read_digest(take_word(&line), &known, p->err))
		return false;
	if (line.len == 0 || (line.data[0] != ' ' && line.data[0] != '*'))
		return err_set(p->err, ERR_CONFIG,
			"two spaces expected behind the digest (one is how fsverity prints: write "
			"verity:sha256:HEX  PATH)");
	line.data++;
	line.len--;
	if ((escaped && !unescape(&line, p->err)) || !take_path(&line, &known, p->err))
		return false;
	if (rules->file_count == IMA_RULES_FILES_MAX)
		return err_set(p->err, ERR_LIMIT, "more than %u files", IMA_RULES_FILES_MAX);
	if (!grow(&files, &p->file_cap, rules->file_count, sizeof(known), p->err))
		return false;
	rules->files = files;
	rules->files[rules->file_count++] = known;
	return true;
}

static bool add_glob(struct parse *p, struct ima_glob glob)
{
	struct ima_rules *rules = p->rules;
	void *globs = rules->globs;

	if (rules->glob_count == IMA_RULES_GLOBS_MAX)
		return err_set(
			p->err, ERR_LIMIT, "more than %d patterns and names", IMA_RULES_GLOBS_MAX);
	if (!grow(&globs, &p->glob_cap, rules->glob_count, sizeof(glob), p->err))
		return false;
	rules->globs = globs;
	rules->globs[rules->glob_count++] = glob;
	return true;
}

/* The rest of the line as a pattern that begins with a directory's own name: one that could match
 * everything is no rule. */
static bool take_pattern(struct line *line, struct ima_known *ret, struct err *err)
{
	struct bytes pattern;
	struct err fault;

	if (!take_path(line, ret, err))
		return false;
	pattern = ima_known_path(ret);
	if (!glob_check(pattern, &fault))
		return err_set(err, ERR_CONFIG, "%s", fault.text);
	if (pattern.data[0] != '/' || glob_literal_len(pattern) < 2)
		return err_set(err, ERR_CONFIG,
			"pattern \"%s\" does not begin with '/' and the name of a directory",
			ESC(pattern));
	return true;
}

static bool rule_glob(struct parse *p, struct line line)
{
	struct ima_glob glob = {.kind = IMA_GLOB_FILE};
	struct ima_known pattern;

	if (!read_digest(take_word(&line), &glob.known, p->err))
		return false;
	while (line.len && line.data[0] == ' ') {
		line.data++;
		line.len--;
	}
	if (!take_pattern(&line, &pattern, p->err))
		return false;
	glob.known.path = pattern.path;
	glob.known.path_len = pattern.path_len;
	return add_glob(p, glob);
}

static bool rule_signed(struct parse *p, struct line line)
{
	struct ima_glob glob = {.kind = IMA_GLOB_SIGNED};

	glob.key = take_word(&line);
	if (!text_is_name(glob.key))
		return err_set(p->err, ERR_CONFIG, "\"%s\" is no name of a key", ESC(glob.key));
	return take_pattern(&line, &glob.known, p->err) && add_glob(p, glob);
}

static bool rule_ignore(struct parse *p, struct line line)
{
	struct ima_glob glob = {.kind = IMA_GLOB_IGNORE};

	return take_pattern(&line, &glob.known, p->err) && add_glob(p, glob);
}

/* "NAME DIGEST" or "NAME *". */
static bool named(struct parse *p, struct line line, enum ima_glob_kind kind)
{
	struct ima_glob glob = {.kind = kind};
	struct bytes name = take_word(&line);
	struct bytes digest = take_word(&line);

	glob.any = bytes_equal_str(digest, "*");
	if (name.len == 0 || name.len > IMA_PATH_MAX || digest.len == 0 || line.len)
		return err_set(p->err, ERR_CONFIG, "a name and a digest, or *, expected");
	if (!glob.any && !read_digest(digest, &glob.known, p->err))
		return false;
	if (!glob.any && glob.known.type != IMA_DIGEST_FILE)
		return err_set(p->err, ERR_CONFIG, "buffers have no fs-verity digest");
	glob.known.path = (const char *)name.data;
	glob.known.path_len = (uint32_t)name.len;
	return add_glob(p, glob);
}

static bool rule_keyring(struct parse *p, struct line line)
{
	return named(p, line, IMA_GLOB_KEYRING);
}

static bool rule_buffer(struct parse *p, struct line line)
{
	return named(p, line, IMA_GLOB_BUFFER);
}

static bool rule_policy(struct parse *p, struct line line)
{
	struct ima_glob glob = {.kind = IMA_GLOB_POLICY};

	return take_path(&line, &glob.known, p->err) && add_glob(p, glob);
}

static bool flag(struct parse *p, struct line line, const char *word, bool *ret)
{
	if (*ret || !bytes_equal_str(bytes_of(line.data, line.len), word))
		return err_set(p->err, ERR_CONFIG, "\"%s\" expected, and once", word);
	*ret = true;
	return true;
}

static bool rule_violations(struct parse *p, struct line line)
{
	return flag(p, line, "report", &p->rules->report_violations);
}

static bool rule_kexec(struct parse *p, struct line line)
{
	return flag(p, line, "allow", &p->rules->allow_kexec);
}

static bool rule_padded(struct parse *p, struct line line)
{
	return flag(p, line, "allow", &p->rules->allow_padded);
}

static bool rule_modules(struct parse *p, struct line line)
{
	return flag(p, line, "signed", &p->rules->signed_modules);
}

static bool rule_kernel(struct parse *p, struct line line)
{
	if (p->rules->kernel_min_given ||
		!ima_kernel_version(bytes_of(line.data, line.len), p->rules->kernel_min))
		return err_set(p->err, ERR_CONFIG, "a version as 6.6 or 6.6.13 expected, and once");
	p->rules->kernel_min_given = true;
	return true;
}

static const struct {
	const char *word;
	bool (*read)(struct parse *p, struct line line);
} keywords[] = {
	{"glob", rule_glob},
	{"signed", rule_signed},
	{"ignore", rule_ignore},
	{"keyring", rule_keyring},
	{"buffer", rule_buffer},
	{"policy", rule_policy},
	{"violations", rule_violations},
	{"kexec", rule_kexec},
	{"padded", rule_padded},
	{"modules", rule_modules},
	{"kernel", rule_kernel},
};

static bool read_line(struct parse *p, struct line line)
{
	struct line rest = line;
	struct bytes word;

	if (line.len == 0 || line.data[0] == '#')
		return true;
	word = take_word(&rest);
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (bytes_equal_str(word, keywords[i].word))
			return keywords[i].read(p, rest);
	return read_file(p, line);
}

static bool read_lines(struct parse *p)
{
	struct buf *text = &p->rules->text;
	size_t number = 1;

	for (size_t at = 0; at < text->len; number++) {
		uint8_t *start = text->data + at;
		uint8_t *newline = memchr(start, '\n', text->len - at);
		struct line line = {start, newline ? (size_t)(newline - start) : text->len - at};

		if (!read_line(p, line))
			return err_wrap(p->err, "IMA rules: line %zu", number);
		at += line.len + (newline != NULL);
	}
	return true;
}

bool ima_rules_parse(struct bytes text, struct ima_rules **ret, struct err *err)
{
	OWNED(ima_rules_free) struct ima_rules *rules = calloc(1, sizeof(*rules));
	struct parse p = {.rules = rules, .err = err};

	if (!rules)
		return err_set(err, ERR_NOMEM, "IMA rules: out of memory");
	if (text.len > IMA_RULES_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "IMA rules: %zu bytes, more than %u", text.len,
			IMA_RULES_TEXT_MAX);
	buf_put(&rules->text, text);
	if (!buf_ok(&rules->text, err) || !read_lines(&p) || !ima_rules_index(rules, err))
		return false;
	*ret = TAKE(rules);
	return true;
}
