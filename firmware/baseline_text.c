/* SPDX-License-Identifier: Apache-2.0 */
/* The file form of a baseline: docs/formats/baseline.md. */
#include "firmware/baseline_private.h"

#include "base/text.h"

enum { NUMBER_MAX = 1000000, COMMENT_READ_MAX = 1000, WORDS_MAX = 3 };

/* ---- writing ---- */

static void put_type(uint32_t type, struct buf *out)
{
	const char *name = event_type_name(type);

	if (name)
		buf_put_str(out, name);
	else
		buf_printf(out, "0x%08x", type);
}

void baseline_choice_put(
	uint32_t type, const struct digest *digest, const char *comment, struct buf *out)
{
	put_type(type, out);
	buf_put_u8(out, ' ');
	buf_put_hex(out, digest_bytes(digest));
	if (*comment)
		buf_printf(out, " # %s", comment);
}

static void put_step(const struct baseline_step *step, struct buf *out)
{
	for (size_t i = 0; i < step->count; i++) {
		buf_put_str(out, i > 0 ? "or    " : step->optional ? "maybe " : "event ");
		baseline_choice_put(step->choices[i].type, &step->choices[i].digest,
			step->choices[i].comment, out);
		buf_put_u8(out, '\n');
	}
}

void baseline_write(const struct baseline *baseline, struct buf *out)
{
	buf_printf(out, "assay-baseline 1\nbank %s\nlogs %u\n", digest_alg_name(baseline->bank),
		baseline->logs);
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		if (!(baseline->pcrs >> pcr & 1))
			continue;
		buf_printf(out, "\npcr %u\n", pcr);
		for (size_t i = 0; i < baseline->list[pcr].count; i++)
			put_step(&baseline->list[pcr].steps[i], out);
	}
}

/* ---- reading ---- */

/* One line: its words, and the comment behind " # ". */
struct line {
	size_t count;
	struct bytes words[WORDS_MAX];
	struct bytes comment;
};

struct parsing {
	struct baseline *baseline;
	size_t number; /* of the line, from 1 */
	size_t seen; /* lines of the head */
	int64_t pcr; /* -1 before the first */
	struct err *err;
};

static bool fault(const struct parsing *p, const char *why)
{
	return err_set(p->err, ERR_CONFIG, "baseline, line %zu: %s", p->number, why);
}

static bool printable(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7f)
			return false;
	return utf8_valid(text);
}

/* Words are separated by spaces; "#" at the beginning of a word begins the comment. */
static bool split(const struct parsing *p, struct bytes text, struct line *ret)
{
	size_t at = 0;

	*ret = (struct line){0};
	if (!printable(text))
		return fault(p, "not printable UTF-8");
	for (;;) {
		size_t start;

		while (at < text.len && text.data[at] == ' ')
			at++;
		if (at == text.len)
			return true;
		if (text.data[at] == '#')
			break;
		if (ret->count == WORDS_MAX)
			return fault(p, "more than three words");
		start = at;
		while (at < text.len && text.data[at] != ' ')
			at++;
		ret->words[ret->count++] = bytes_of(text.data + start, at - start);
	}
	at += at + 1 < text.len && text.data[at + 1] == ' ' ? 2 : 1;
	ret->comment = bytes_of(text.data + at, text.len - at);
	if (ret->comment.len > COMMENT_READ_MAX)
		return fault(p, "a comment of more than 1000 bytes");
	return true;
}

/* A decimal number without leading zeros. */
static bool number_of(struct bytes word, uint32_t max, uint32_t *ret)
{
	uint32_t value = 0;

	if (word.len == 0 || word.len > 7 || (word.len > 1 && word.data[0] == '0'))
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(word.data[i] - '0');
	}
	*ret = value;
	return value <= max;
}

/* A name, or 0x and eight digits for a type without one. */
static bool type_of(struct bytes word, uint32_t *ret)
{
	uint8_t value[4];

	if (event_type_of_name(word, ret))
		return true;
	if (word.len != 10 || memcmp(word.data, "0x", 2) != 0 ||
		!hex_decode_exact(bytes_of(word.data + 2, 8), value, sizeof(value), NULL))
		return false;
	*ret = (uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 | (uint32_t)value[2] << 8 |
	       value[3];
	return event_type_name(*ret) == NULL;
}

static bool read_head(struct parsing *p, const struct line *line)
{
	struct baseline *baseline = p->baseline;
	static const char *const words[] = {"assay-baseline", "bank", "logs"};

	if (line->count != 2 || !bytes_equal_str(line->words[0], words[p->seen]))
		return err_set(p->err, ERR_CONFIG, "baseline, line %zu: expected \"%s …\"",
			p->number, words[p->seen]);
	if (p->seen == 0 && !bytes_equal_str(line->words[1], "1"))
		return fault(p, "not version 1");
	if (p->seen == 1) {
		baseline->bank = digest_alg_of_name(line->words[1]);
		if (baseline->bank == DIGEST_NONE)
			return fault(p, "bank: not known");
	}
	if (p->seen == 2 &&
		(!number_of(line->words[1], NUMBER_MAX, &baseline->logs) || baseline->logs == 0))
		return fault(p, "logs: expected a number from 1 to 1000000");
	return true;
}

static bool read_pcr(struct parsing *p, const struct line *line)
{
	uint32_t pcr;

	if (line->count != 2 || !number_of(line->words[1], TPM_PCRS - 1, &pcr))
		return fault(p, "pcr: expected a number from 0 to 23");
	if ((int64_t)pcr <= p->pcr)
		return fault(p, "pcr: not above the one before");
	p->pcr = pcr;
	p->baseline->pcrs |= UINT32_C(1) << pcr;
	return true;
}

static bool put_choice(const struct parsing *p, const struct line *line, uint32_t type,
	const struct digest *digest)
{
	struct baseline_pcr *pcr = &p->baseline->list[p->pcr];
	struct baseline_step *step = pcr->count ? &pcr->steps[pcr->count - 1] : NULL;
	OWNED(free_ptr)
	char *comment = bytes_strdup(line->comment.len ? line->comment : BYTES_LIT(""));

	if (!comment)
		return err_set(p->err, ERR_NOMEM, "comment");
	if (bytes_equal_str(line->words[0], "or")) {
		if (!step)
			return err_set(p->err, ERR_CONFIG, "or: no event before it");
	} else if (!baseline_step_add(
			   pcr, bytes_equal_str(line->words[0], "maybe"), &step, p->err)) {
		return false;
	}
	return baseline_choice_add(step, type, digest, comment, p->err);
}

static bool read_choice(struct parsing *p, const struct line *line)
{
	struct digest digest = {.alg = p->baseline->bank};
	uint32_t type;

	if (p->pcr < 0)
		return fault(p, "an event before the first pcr");
	if (line->count != 3)
		return fault(p, "expected type and digest");
	if (!type_of(line->words[1], &type))
		return fault(p, "type: not known");
	digest.len = (uint8_t)digest_alg_len(digest.alg);
	if (!hex_decode_exact(line->words[2], digest.bytes, digest.len, NULL))
		return err_set(p->err, ERR_CONFIG,
			"baseline, line %zu: digest: expected %u lower-case hex digits", p->number,
			2u * digest.len);
	return put_choice(p, line, type, &digest)
		       ? true
		       : err_wrap(p->err, "baseline, line %zu", p->number);
}

static bool read_line(struct parsing *p, struct bytes text)
{
	struct line line;

	if (!split(p, text, &line))
		return false;
	if (line.count == 0)
		return true;
	if (p->seen < 3) {
		if (!read_head(p, &line))
			return false;
		p->seen++;
		return true;
	}
	if (bytes_equal_str(line.words[0], "pcr"))
		return read_pcr(p, &line);
	if (bytes_equal_str(line.words[0], "event") || bytes_equal_str(line.words[0], "maybe") ||
		bytes_equal_str(line.words[0], "or"))
		return read_choice(p, &line);
	return fault(p, "expected pcr, event, maybe or or");
}

static bool read_lines(struct parsing *p, struct bytes in)
{
	for (size_t at = 0; at < in.len;) {
		const uint8_t *end = memchr(in.data + at, '\n', in.len - at);
		size_t len;

		p->number++;
		if (!end)
			return fault(p, "no newline at its end");
		len = (size_t)(end - in.data) - at;
		if (!read_line(p, bytes_of(in.data + at, len)))
			return false;
		at += len + 1;
	}
	if (p->seen < 3 || p->pcr < 0)
		return err_set(p->err, ERR_CONFIG, "baseline: ends before the first pcr");
	return true;
}

bool baseline_parse(struct bytes in, struct baseline *ret, struct err *err)
{
	OWNED(baseline_release) struct baseline baseline = {0};
	struct parsing p = {.baseline = &baseline, .pcr = -1, .err = err};

	*ret = (struct baseline){0};
	if (in.len > BASELINE_MAX)
		return err_set(err, ERR_LIMIT, "baseline: more than %u bytes", BASELINE_MAX);
	if (!read_lines(&p, in))
		return false;
	*ret = TAKE_STRUCT(baseline);
	return true;
}
