/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "firmware/device_path.h"

static struct buf path, out;
static struct err err;

static int release(void **state)
{
	(void)state;
	buf_release(&path);
	buf_release(&out);
	return 0;
}

static void node(uint8_t type, uint8_t subtype, const char *body, size_t len)
{
	buf_put_u8(&path, type);
	buf_put_u8(&path, subtype);
	buf_put_u8(&path, (uint8_t)(len + 4));
	buf_put_u8(&path, (uint8_t)((len + 4) >> 8));
	buf_put(&path, bytes_of(body, len));
}

static void end(void)
{
	node(0x7f, 0xff, "", 0);
}

static const char *text(void)
{
	buf_clear(&out);
	if (!device_path_text(buf_bytes(&path), &out, &err))
		fail_msg("%s", err.text);
	return buf_str(&out);
}

#define GUID          "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define GUID_TEXT     "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define BODY(literal) literal, sizeof(literal) - 1

static void node__every_kind__in_words(void **state)
{
	static const struct {
		uint8_t type, subtype;
		const char *body;
		size_t len;
		const char *wanted;
	} cases[] = {
		{1, 1, BODY("\1\2"), "Pci(0x2,0x1)"},
		{1, 3, BODY("\1\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0"),
			"MemoryMapped(0x1,0x2,0x3)"},
		{1, 4, BODY(GUID), "VenHw(" GUID_TEXT ")"},
		{1, 4, BODY(GUID "\1\2"), "VenHw(" GUID_TEXT ",0102)"},
		{1, 5, BODY("\7\0\0\0"), "Ctrl(0x7)"},
		{2, 1, BODY("\xd0\x41\x03\x0a\0\0\0\0"), "PciRoot(0x0)"},
		{2, 1, BODY("\xd0\x41\x08\x0a\1\0\0\0"), "PcieRoot(0x1)"},
		{2, 1, BODY("\xd0\x41\x01\x05\1\0\0\0"), "Acpi(0x050141d0,0x1)"},
		{3, 1, BODY("\0\1\2\0"), "Ata(Primary,Slave,0x2)"},
		{3, 1, BODY("\1\0\2\0"), "Ata(Secondary,Master,0x2)"},
		{3, 2, BODY("\1\0\2\0"), "Scsi(0x1,0x2)"},
		{3, 5, BODY("\1\2"), "USB(0x1,0x2)"},
		{3, 10, BODY(GUID), "VenMsg(" GUID_TEXT ")"},
		{3, 11, BODY("\1\2\3\4\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
			"MAC(010203040506,0x1)"},
		{3, 11,
			BODY("\1\2\3\4\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			     "\x20"),
			"MAC(0102030405060000000000000000000000000000000000000000000000000000,"
			"0x20)"},
		{3, 12, BODY("\1\2\3\4\x7f\0\0\1\0\0\0\0\0\0\0\0\0\0\0"), "IPv4(127.0.0.1)"},
		{3, 13,
			BODY("................"
			     "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			     "\0\0\0\0\0\0\0\0\0"),
			"IPv6(fe80:0000:0000:0000:0000:0000:0000:0001)"},
		{3, 18, BODY("\1\0\xff\xff\0\0"), "Sata(0x1,0xffff,0x0)"},
		{3, 23, BODY("\1\0\0\0\1\2\3\4\5\6\7\x8"), "NVMe(0x1,08-07-06-05-04-03-02-01)"},
		{3, 24, BODY("http://a/\n"), "Uri(http://a/\\n)"},
		{3, 24, BODY(""), "Uri()"},
		{3, 26, BODY("\1"), "SD(0x1)"},
		{3, 29, BODY("\1"), "eMMC(0x1)"},
		{4, 1, BODY("\1\0\0\0\0\x8\0\0\0\0\0\0\0\x10\0\0\0\0\0\0" GUID "\2\2"),
			"HD(1,GPT," GUID_TEXT ",0x800,0x1000)"},
		{4, 1, BODY("\1\0\0\0\0\x8\0\0\0\0\0\0\0\x10\0\0\0\0\0\0" GUID "\1\1"),
			"HD(1,MBR,0x8be4df61,0x800,0x1000)"},
		{4, 1, BODY("\1\0\0\0\0\x8\0\0\0\0\0\0\0\x10\0\0\0\0\0\0" GUID "\1\0"),
			"HD(1,none,0x8be4df61,0x800,0x1000)"},
		{4, 2, BODY("\1\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0"), "CDROM(0x1,0x2,0x3)"},
		{4, 3, BODY(GUID), "VenMedia(" GUID_TEXT ")"},
		{4, 4, BODY("\\\0a\0\0\0"), "\\a"},
		{4, 6, BODY(GUID), "FvFile(" GUID_TEXT ")"},
		{4, 7, BODY(GUID), "Fv(" GUID_TEXT ")"},
		{4, 8, BODY("\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"), "Offset(0x1,0x2)"},
		{5, 1, BODY("\2\0\0\0HDD\0"), "BBS(0x2,HDD)"},
		{9, 9, BODY("\1\2"), "Path(9,9,0102)"},
		{9, 9, BODY(""), "Path(9,9,)"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&path);
		node(cases[i].type, cases[i].subtype, cases[i].body, cases[i].len);
		end();
		assert_string_equal(text(), cases[i].wanted);
	}
}

/* A node of another length than its kind has is refused before anything of it is read. */
static void node__length_of_another_kind__refused(void **state)
{
	static const struct {
		uint8_t type, subtype;
		size_t len;
	} cases[] = {{1, 4, 15}, {3, 11, 32}, {3, 12, 7}, {3, 13, 31}, {4, 1, 35}, {4, 3, 3}};
	static const char zeros[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&path);
		buf_clear(&out);
		node(cases[i].type, cases[i].subtype, zeros, cases[i].len);
		end();
		assert_false(device_path_text(buf_bytes(&path), &out, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_non_null(strstr(err.text, "node 0: length: not that of its kind"));
	}
}

static void path__nodes_and_instances__joined(void **state)
{
	(void)state;
	assert_string_equal(text(), "");
	node(2, 1, BODY("\xd0\x41\x03\x0a\0\0\0\0"));
	node(1, 1, BODY("\0\2"));
	node(0x7f, 1, BODY(""));
	node(4, 4, BODY("a\0\0\0"));
	end();
	assert_string_equal(text(), "PciRoot(0x0)/Pci(0x2,0x0),/a");
}

static void path__malformed__refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *wanted;
	} cases[] = {
		{BODY("\1"), "device path: node 0: subType: truncated at offset 1 of 1"},
		{BODY("\1\1\3\0\0\0"),
			"device path: node 0: length: less than a header at offset 4 of 6"},
		{BODY("\1\1\0\0"),
			"device path: node 0: length: less than a header at offset 4 of 4"},
		{BODY("\1\1\7\0\0\0"), "device path: node 0: node: truncated at offset 4 of 6"},
		{BODY("\1\1\5\0\0\x7f\xff\4\0"),
			"device path: node 0: length: not that of its kind at offset 4 of 9"},
		{BODY("\1\1\7\0\0\0\0\x7f\xff\4\0"),
			"device path: node 0: length: not that of its kind at offset 4 of 11"},
		{BODY("\1\1\6\0\0\0"), "device path: node 1: type: truncated at offset 6 of 6"},
		{BODY("\x7f\xff\5\0\0"),
			"device path: node 0: node: trailing bytes at offset 4 of 5"},
		{BODY("\x7f\xff\4\0\0"), "device path: trailing bytes at offset 4 of 5"},
		{BODY("\x7f\2\4\0"), "device path: node 0: subType: no end at offset 4 of 4"},
		{BODY("\3\xd\x28\0................................\0\0\0\0"),
			"device path: node 1: type: truncated at offset 40 of 40"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_fails(device_path_text(bytes_of(cases[i].bytes, cases[i].len), &out, &err),
			err, ERR_FORMAT, cases[i].wanted);
		assert_int_equal(out.len, 0);
	}
}

static void path__more_than_the_maxima__refused(void **state)
{
	static uint8_t large[DEVICE_PATH_MAX + 1];
	(void)state;
	assert_fails(device_path_text(BYTES_OF(large), &out, &err), err, ERR_LIMIT,
		"device path: more than 65536 bytes");
	for (unsigned i = 0; i < DEVICE_PATH_NODES_MAX - 1; i++)
		node(1, 1, BODY("\0\0"));
	end();
	(void)text();
	path.len -= 4;
	node(1, 1, BODY("\0\0"));
	end();
	assert_fails(device_path_text(buf_bytes(&path), &out, &err), err, ERR_LIMIT,
		"device path: more than 128 nodes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(node__every_kind__in_words, release),
		cmocka_unit_test_teardown(node__length_of_another_kind__refused, release),
		cmocka_unit_test_teardown(path__nodes_and_instances__joined, release),
		cmocka_unit_test_teardown(path__malformed__refused, release),
		cmocka_unit_test_teardown(path__more_than_the_maxima__refused, release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
