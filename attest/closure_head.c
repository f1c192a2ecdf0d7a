/* SPDX-License-Identifier: Apache-2.0 */
/* What the first bytes of an executable say: pure. ELF: System V ABI, chapters 4 and 5; `#!`: execve(2). */
#include "attest/closure.h"

#include "base/reader.h"

#define ELF_HEADER_LEN      64u
#define PROGRAM_HEADER_LEN  56u
#define PROGRAM_HEADERS_MAX 128u
#define ELF_CLASS_64        2
#define ELF_LITTLE_ENDIAN   1
#define PT_DYNAMIC          2u
#define PT_INTERP           3u
#define DYNAMIC_ENTRY_LEN   16u
#define DT_NULL             0u
#define DT_DEPAUDIT         0x6ffffefbu
#define DT_AUDIT            0x6ffffefcu
#define SCRIPT_LINE_MAX                                                                            \
	255u /* BINPRM_BUF_SIZE less one: a longer line the kernel does not run either */

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static bool take_interpreter(struct bytes in, struct closure_head *ret, struct err *err)
{
	if (in.len == 0 || in.data[0] != '/' || in.len >= sizeof(ret->interpreter))
		return err_set(err, ERR_FORMAT, "its interpreter is no absolute path");
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] < 0x20 || in.data[i] == 0x7f)
			return err_set(
				err, ERR_FORMAT, "its interpreter's path has control characters");
	memcpy(ret->interpreter, in.data, in.len);
	ret->interpreter[in.len] = '\0';
	return true;
}

static bool parse_script(struct bytes head, struct closure_head *ret, struct err *err)
{
	const uint8_t *end = memchr(head.data, '\n', head.len);
	size_t len = end ? (size_t)(end - head.data) : head.len, at = 2, start;
	if (len > SCRIPT_LINE_MAX)
		return err_set(err, ERR_FORMAT, "script: its first line is longer than %u bytes",
			SCRIPT_LINE_MAX);
	while (len > at && is_blank(head.data[len - 1]))
		len--;
	while (at < len && is_blank(head.data[at]))
		at++;
	for (start = at; at < len && !is_blank(head.data[at]);)
		at++;
	ret->kind = CLOSURE_SCRIPT;
	if (!take_interpreter(bytes_of(head.data + start, at - start), ret, err))
		return err_wrap(err, "script");
	while (at < len && is_blank(head.data[at]))
		at++;
	if (memchr(head.data + at, 0, len - at))
		return err_set(err, ERR_FORMAT, "script: NUL in its first line");
	memcpy(ret->argument, head.data + at, len - at);
	return true;
}

struct program_header {
	uint32_t type;
	uint64_t offset, size;
};

static bool read_program_header(struct bytes in, struct program_header *ret, struct err *err)
{
	struct reader r = rd_of(in);
	ret->type = rd_le32(&r, "p_type");
	(void)rd_le32(&r, "p_flags");
	ret->offset = rd_le64(&r, "p_offset");
	(void)rd_le64(&r, "p_vaddr");
	(void)rd_le64(&r, "p_paddr");
	ret->size = rd_le64(&r, "p_filesz");
	(void)rd_le64(&r, "p_memsz");
	(void)rd_le64(&r, "p_align");
	return rd_finish(&r, err);
}

bool closure_head_interpreter(struct bytes segment, struct closure_head *ret, struct err *err)
{
	if (segment.len < 2 || segment.data[segment.len - 1] != 0)
		return err_set(err, ERR_FORMAT, "ELF: PT_INTERP does not end in NUL");
	if (!take_interpreter(bytes_of(segment.data, segment.len - 1), ret, err))
		return err_wrap(err, "ELF: PT_INTERP");
	return true;
}

bool closure_head_dynamic(struct bytes segment, struct err *err)
{
	struct reader r = rd_of(segment);
	while (rd_left(&r) >= DYNAMIC_ENTRY_LEN) {
		uint64_t tag = rd_le64(&r, "d_tag");
		(void)rd_le64(&r, "d_val");
		if (tag == DT_AUDIT || tag == DT_DEPAUDIT)
			return err_set(err, ERR_UNSUPPORTED,
				"ELF: it names an audit library, which would run unmeasured: link "
				"it without --audit and --depaudit");
		if (tag == DT_NULL)
			break;
	}
	return true;
}

static bool take_dynamic(
	const struct program_header *segment, struct closure_head *ret, struct err *err)
{
	if (segment->size > CLOSURE_DYNAMIC_MAX || segment->offset > INT64_MAX)
		return err_set(err, ERR_FORMAT, "ELF: PT_DYNAMIC of %llu bytes",
			(unsigned long long)segment->size);
	ret->dynamic_at = segment->offset;
	ret->dynamic_len = (uint32_t)segment->size;
	return true;
}

static bool take_segment(struct bytes head, const struct program_header *segment,
	struct closure_head *ret, struct err *err)
{
	if (segment->type == PT_DYNAMIC)
		return take_dynamic(segment, ret, err);
	if (segment->type != PT_INTERP)
		return true;
	if (ret->kind == CLOSURE_DYNAMIC)
		return err_set(err, ERR_FORMAT, "ELF: PT_INTERP twice");
	if (segment->size < 2 || segment->size > CLOSURE_INTERPRETER_MAX ||
		segment->offset > INT64_MAX)
		return err_set(err, ERR_FORMAT, "ELF: PT_INTERP of %llu bytes",
			(unsigned long long)segment->size);
	ret->kind = CLOSURE_DYNAMIC;
	if (segment->offset > head.len || segment->size > head.len - segment->offset) {
		/* Tools that rewrite the interpreter put it at the end of the file. */
		ret->interpreter_at = segment->offset;
		ret->interpreter_len = (uint32_t)segment->size;
		return true;
	}
	return closure_head_interpreter(
		bytes_of(head.data + segment->offset, (size_t)segment->size), ret, err);
}

static bool parse_elf(struct bytes head, struct closure_head *ret, struct err *err)
{
	struct reader r = rd_of(head);
	struct bytes ident = rd_bytes(&r, 16, "e_ident");
	(void)rd_bytes(&r, 16, "e_type");
	uint64_t offset = rd_le64(&r, "e_phoff");
	(void)rd_bytes(&r, 14, "e_shoff");
	uint16_t size = rd_le16(&r, "e_phentsize");
	uint16_t count = rd_le16(&r, "e_phnum");
	(void)rd_bytes(&r, 6, "e_shentsize");
	if (rd_failed(&r))
		return err_set(err, ERR_FORMAT, "ELF: header cut after %zu of %u bytes", head.len,
			ELF_HEADER_LEN);
	if (ident.data[4] != ELF_CLASS_64 || ident.data[5] != ELF_LITTLE_ENDIAN)
		return err_set(err, ERR_UNSUPPORTED,
			"ELF: only 64-bit little-endian executables are supported");
	if (size != PROGRAM_HEADER_LEN || count == 0 || count > PROGRAM_HEADERS_MAX)
		return err_set(err, ERR_FORMAT, "ELF: %u program headers of %u bytes", count, size);
	if (offset > head.len || (size_t)count * size > head.len - offset)
		return err_set(err, ERR_FORMAT, "ELF: program headers beyond the first %zu bytes",
			head.len);
	ret->kind = CLOSURE_STATIC;
	for (size_t i = 0; i < count; i++) {
		struct program_header segment;
		struct bytes at = bytes_of(head.data + offset + i * size, size);
		if (!read_program_header(at, &segment, err) ||
			!take_segment(head, &segment, ret, err))
			return false;
	}
	return true;
}

bool closure_head_parse(struct bytes head, struct closure_head *ret, struct err *err)
{
	memset(ret, 0, sizeof(*ret));
	if (head.len >= 2 && memcmp(head.data, "#!", 2) == 0)
		return parse_script(head, ret, err);
	if (head.len >= 4 && memcmp(head.data, "\177ELF", 4) == 0)
		return parse_elf(head, ret, err);
	return err_set(err, ERR_FORMAT, "neither an ELF executable nor a script with #!");
}
