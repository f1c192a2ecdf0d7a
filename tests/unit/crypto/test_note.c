/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes and checkpoints. */
#include "crypto/note.h"

#include "base/text.h"
#include "tests/support/unit.h"

/* A log's note of two signatures, made with Python's cryptography from fixed seeds. */
#define LOG_NAME "log.example/notes"
#define LOG_VKEY LOG_NAME "+60f5a977+AaUnronv9mCQfIku+sPap4J5/dqA+TiEc5Vq2gWkOAGH"
#define LOG_TEXT LOG_NAME "\n300\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
#define LOG_NOTE                                                                                   \
	LOG_TEXT "\n\xe2\x80\x94 " LOG_NAME                                                        \
		 " YPWpd4jtD5M2nNiRKbe75UvNuvv6nWlNrMAkWaAs7CIBbu8CBjqjzZg4XSq6"                   \
		 "0hizr3M8b2aZYDKrK+lrfwpA1uUZVgU=\n"                                              \
		 "\xe2\x80\x94 witness.example "                                                   \
		 "DQv+9ehm9KKKtjuGRta6abN+O/arL31gzGCnnpRV3SjQVuemlzTWy1RCZ61J"                    \
		 "giTduLGEw9EOXL5e1c6fLAHK4dnDcAE=\n"

static struct note_key key, made;
static struct key *pair;
static struct buf out, note;
static struct bytes text;
static struct checkpoint checkpoint;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	note_key_release(&key);
	note_key_release(&made);
	key_unref(&pair);
	buf_release(&out);
	buf_release(&note);
	return 0;
}

static void log_key(void)
{
	assert_ok(note_key_parse(BYTES_LIT(LOG_VKEY), &key, &err), err);
}

static void note__by_another_implementation__opened(void **state)
{
	(void)state;
	log_key();
	assert_string_equal(key.name, "log.example/notes");
	assert_ok(note_open(BYTES_LIT(LOG_NOTE), &key, &text, &err), err);
	assert_bytes(text, BYTES_LIT(LOG_TEXT));
	assert_ok(checkpoint_parse(text, &checkpoint, &err), err);
	assert_bytes(checkpoint.origin, BYTES_LIT("log.example/notes"));
	assert_int_equal(checkpoint.size, 300);
	assert_int_equal(checkpoint.root[0], 0x48);
	assert_ok(note_key_write(&key, &out, &err), err);
	assert_bytes(buf_bytes(&out), BYTES_LIT(LOG_VKEY));
}

static void note__signed_here__opened_and_read_back(void **state)
{
	static const enum key_type types[] = {KEY_ED25519, KEY_EC_P256, KEY_EC_P384};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_ok(key_generate(types[i], &pair, &err), err);
		assert_ok(note_key_of("log.example", pair, &made, &err), err);
		assert_ok(note_sign(BYTES_LIT("one\n\ntwo\n"), &made, &note, &err), err);
		assert_ok(note_key_write(&made, &out, &err), err);
		assert_ok(note_key_parse(buf_bytes(&out), &key, &err), err);
		assert_ok(note_open(buf_bytes(&note), &key, &text, &err), err);
		assert_bytes(text, BYTES_LIT("one\n\ntwo\n"));
		teardown(NULL);
	}
}

static void note__without_this_keys_signature__refused(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_ED25519, &pair, &err), err);
	/* Another key of the same name, and the same key under another name. */
	assert_ok(note_key_of("log.example/notes", pair, &made, &err), err);
	assert_fails(note_open(BYTES_LIT(LOG_NOTE), &made, &text, &err), err, ERR_MISMATCH,
		"note: no signature by log.example/notes");
	log_key();
	memcpy(key.name, "Log", 3);
	assert_fails(note_open(BYTES_LIT(LOG_NOTE), &key, &text, &err), err, ERR_MISMATCH,
		"note: no signature by Log.example/notes");
}

static void note__changed__refused(void **state)
{
	(void)state;
	log_key();
	buf_put(&note, BYTES_LIT(LOG_NOTE));
	note.data[sizeof(LOG_NAME)] = '9';
	assert_fails(note_open(buf_bytes(&note), &key, &text, &err), err, ERR_MISMATCH,
		"note: signature by log.example/notes: signature: does not verify with this "
		"Ed25519 key");
}

/* A second signature by the same key that does not verify spoils the note. */
static void note__one_good_and_one_bad_signature__refused(void **state)
{
	(void)state;
	log_key();
	buf_put(&note, BYTES_LIT(LOG_NOTE));
	buf_put_str(&note, "\xe2\x80\x94 log.example/notes YPWpdwAAAA==\n");
	assert_false(note_open(buf_bytes(&note), &key, &text, &err));
	assert_non_null(strstr(err.text, "note: signature by log.example/notes: "));
}

static void note__malformed__refused(void **state)
{
	static const struct {
		const char *note, *why;
	} cases[] = {
		{"", "note: no signatures behind an empty line"},
		{"text\n", "note: no signatures behind an empty line"},
		{"text\n\n", "note: no signatures behind an empty line"},
		{"te\txt\n\n\xe2\x80\x94 a AAAAAAA=\n", "note: control character at offset 2"},
		{"text\xff\n\n\xe2\x80\x94 a AAAAAAA=\n", "note: not UTF-8"},
		{"text\n\n- a AAAAAAA=\n", "note: a signature line does not begin with a dash"},
		{"text\n\n\xe2\x80\x94 AAAAAAA=\n", "note: a signature line has no name"},
		{"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n", "note: a signature line has no name"},
		{"text\n\n\xe2\x80\x94 a AAAA\n", "note: signature: too short"},
		{"text\n\n\xe2\x80\x94 a AAAAAAA=", "note: the last line has no end"},
		{"text\n\n\xe2\x80\x94 a AAAAAAA=\n\xe2\x80\x94 b",
			"note: the last line has no end"},
	};

	(void)state;
	log_key();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(note_open(bytes_str(cases[i].note), &key, &text, &err), err,
			ERR_FORMAT, cases[i].why);
	assert_false(note_open(BYTES_LIT("text\n\n\xe2\x80\x94 a AA!A\n"), &key, &text, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static void note__beyond_the_limits__refused(void **state)
{
	(void)state;
	log_key();
	buf_put(&note, BYTES_LIT(LOG_NOTE));
	for (size_t i = 0; i < NOTE_SIGNATURES_MAX - 1; i++)
		buf_put_str(&note, "\xe2\x80\x94 other AAAAAAA=\n");
	assert_fails(note_open(buf_bytes(&note), &key, &text, &err), err, ERR_LIMIT,
		"note: more than 64 signatures");
	buf_extend(&note, NOTE_MAX);
	assert_false(note_open(buf_bytes(&note), &key, &text, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void note_key__malformed__refused(void **state)
{
	static const struct {
		const char *vkey, *why;
		enum err_code code;
	} cases[] = {
		{"", "note key: not name+id+key", ERR_FORMAT},
		{"log", "note key: not name+id+key", ERR_FORMAT},
		{"log+60f5a977", "note key: not name+id+key", ERR_FORMAT},
		{"log+60f5a977+", "note key: not name+id+key", ERR_FORMAT},
		{"log+60F5A977+AaUnronv9mCQfIku+sPap4J5/dqA+TiEc5Vq2gWkOAGH",
			"note key: not name+id+key", ERR_FORMAT},
		{"log.example/notes+60f5a970+AaUnronv9mCQfIku+sPap4J5/dqA+TiEc5Vq2gWkOAGH",
			"note key: the id is not this key's", ERR_MISMATCH},
		{"log.example/notez+60f5a977+AaUnronv9mCQfIku+sPap4J5/dqA+TiEc5Vq2gWkOAGH",
			"note key: the id is not this key's", ERR_MISMATCH},
		{"log+60f5a977+BaUnronv9mCQfIku+sPap4J5/dqA+TiEc5Vq2gWkOAGH",
			"note key: note key: type 5, not 1, 2 or 4", ERR_UNSUPPORTED},
		{" +60f5a977+AaUnronv9mCQfIku+sPap4J5/dqA+TiEc5Vq2gWkOAGH",
			"note key: \" \" is no name", ERR_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(note_key_parse(bytes_str(cases[i].vkey), &key, &err), err,
			cases[i].code, cases[i].why);
	buf_extend(&out, NOTE_VKEY_MAX + 1);
	assert_fails(note_key_parse(buf_bytes(&out), &key, &err), err, ERR_LIMIT,
		"note key: longer than 2048");
}

/* An ECDSA key's id does not cover the name, so nothing else would notice. */
static void note_key__nul_in_the_name__refused(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &pair, &err), err);
	assert_ok(note_key_of("log.example", pair, &made, &err), err);
	assert_ok(note_key_write(&made, &out, &err), err);
	out.data[3] = '\0';
	assert_fails(note_key_parse(buf_bytes(&out), &key, &err), err, ERR_FORMAT,
		"note key: \"log\\x00example\" is no name");
}

static void note_key__rsa__refused(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_RSA, &pair, &err), err);
	assert_fails(note_key_of("log", pair, &made, &err), err, ERR_USAGE,
		"note key: an RSA key signs no notes");
}

static void note_key__name_that_breaks_lines_or_keys__refused(void **state)
{
	char name[NOTE_NAME_MAX + 2];
	static const char *const bad[] = {"", "a+b", "a b", "a\nb", "caf\xc3\xa9"};

	(void)state;
	assert_ok(key_generate(KEY_ED25519, &pair, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(note_key_of(bad[i], pair, &made, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
	memset(name, 'a', sizeof(name));
	name[NOTE_NAME_MAX + 1] = '\0';
	assert_false(note_key_of(name, pair, &made, &err));
	assert_int_equal(err.code, ERR_USAGE);
	name[NOTE_NAME_MAX] = '\0';
	assert_ok(note_key_of(name, pair, &made, &err), err);
}

static void checkpoint__malformed__refused(void **state)
{
#define ROOT "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "checkpoint: origin: missing"},
		{"\n3\n" ROOT, "checkpoint: origin: missing"},
		{"o\n", "checkpoint: size: not a number"},
		{"o\n\n" ROOT, "checkpoint: size: not a number"},
		{"o\n03\n" ROOT, "checkpoint: size: not a number"},
		{"o\n-3\n" ROOT, "checkpoint: size: not a number"},
		{"o\n18446744073709551616\n" ROOT, "checkpoint: size: not a number"},
		{"o\n3\n", "checkpoint: root: not a SHA-256 in base64"},
		{"o\n3\nAAAA\n", "checkpoint: root: not a SHA-256 in base64"},
		{"o\n3\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=",
			"checkpoint: root: not a SHA-256 in base64"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(checkpoint_parse(bytes_str(cases[i].text), &checkpoint, &err), err,
			ERR_FORMAT, cases[i].why);
	assert_ok(checkpoint_parse(
			  BYTES_LIT("o\n18446744073709551615\n" ROOT "more\n"), &checkpoint, &err),
		err);
	assert_true(checkpoint.size == UINT64_MAX);
}

static void note_sign__text_without_end_of_line__refused(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_ED25519, &pair, &err), err);
	assert_ok(note_key_of("log", pair, &made, &err), err);
	assert_fails(note_sign(BYTES_LIT("text"), &made, &note, &err), err, ERR_USAGE,
		"note: the text does not end its line");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

static void cosigner__note_of_a_log__cosigned_and_told_when(void **state)
{
	int64_t time = 0;
	bool named = true;

	(void)state;
	log_key();
	assert_ok(key_generate(KEY_ED25519, &pair, &err), err);
	assert_ok(note_cosigner_of("w.example", pair, &made, &err), err);
	buf_put(&note, BYTES_LIT(LOG_NOTE));
	assert_ok(note_names(buf_bytes(&note), &made, &named, &err), err);
	assert_false(named);
	assert_fails(note_cosigned(buf_bytes(&note), &made, &text, &time, &err), err, ERR_MISMATCH,
		"note: no signature by w.example");
	assert_ok(note_cosign(BYTES_LIT(LOG_TEXT), &made, 1767139200, &note, &err), err);
	assert_ok(note_names(buf_bytes(&note), &made, &named, &err), err);
	assert_true(named);
	assert_ok(note_cosigned(buf_bytes(&note), &made, &text, &time, &err), err);
	assert_int_equal(time, 1767139200);
	assert_bytes(text, BYTES_LIT(LOG_TEXT));
	assert_ok(note_open(buf_bytes(&note), &key, &text, &err), err);
	/* One key's signature alone. */
	assert_ok(note_reduce(
			  buf_bytes(&note), (const struct note_key *const[]){&key}, 1, &out, &err),
		err);
	assert_bytes(buf_bytes(&out), bytes_of(LOG_NOTE, out.len));
	assert_ok(note_open(buf_bytes(&out), &key, &text, &err), err);
	assert_ok(note_names(buf_bytes(&out), &made, &named, &err), err);
	assert_false(named);
	/* The time is signed too. */
	size_t at = note.len - 1;
	while (note.data[at - 1] != ' ')
		at--;
	assert_int_equal(note.data[at + 8], 'A');
	note.data[at + 8] = 'B';
	assert_false(note_cosigned(buf_bytes(&note), &made, &text, &time, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

/* A cosignature is no signature of a log, nor the other way round: ids and texts differ. */
static void cosigner__taken_for_a_log_or_a_log_for_one__refused(void **state)
{
	struct note_key log = {0};
	int64_t time = 0;

	(void)state;
	assert_ok(key_generate(KEY_ED25519, &pair, &err), err);
	assert_ok(note_cosigner_of("w.example", pair, &made, &err), err);
	assert_ok(note_key_of("w.example", pair, &log, &err), err);
	assert_memory_not_equal(log.id, made.id, sizeof(log.id));
	assert_fails(note_sign(BYTES_LIT("x\n"), &made, &note, &err), err, ERR_USAGE,
		"note: w.example is a cosigner");
	assert_fails(note_cosign(BYTES_LIT("x\n"), &log, 5, &note, &err), err, ERR_USAGE,
		"note: w.example cannot cosign");
	assert_fails(note_cosign(BYTES_LIT("x\n"), &made, -1, &note, &err), err, ERR_USAGE,
		"note: w.example cannot cosign");
	assert_ok(note_sign(BYTES_LIT("x\n"), &log, &note, &err), err);
	assert_fails(note_open(buf_bytes(&note), &made, &text, &err), err, ERR_USAGE,
		"note: w.example is a cosigner");
	assert_fails(note_cosigned(buf_bytes(&note), &log, &text, &time, &err), err, ERR_USAGE,
		"note: w.example is no cosigner");
	/* The log's signature under the cosigner's id is too short to hold a time, or of another
	 * text. */
	memcpy(log.id, made.id, sizeof(log.id));
	buf_release(&note);
	assert_ok(note_sign(BYTES_LIT("x\n"), &log, &note, &err), err);
	assert_false(note_cosigned(buf_bytes(&note), &made, &text, &time, &err));
	note_key_release(&log);
	key_unref(&pair);
	assert_ok(key_generate(KEY_EC_P256, &pair, &err), err);
	assert_fails(note_cosigner_of("w.example", pair, &log, &err), err, ERR_USAGE,
		"note key: an ECDSA P-256 key signs no notes");
}

static void checkpoint__written__read_back(void **state)
{
	struct checkpoint to = {
		.origin = BYTES_LIT("a.example/log"), .size = UINT64_MAX, .root = {7}};

	(void)state;
	assert_ok(checkpoint_write(&to, &out, &err), err);
	assert_ok(checkpoint_parse(buf_bytes(&out), &checkpoint, &err), err);
	assert_true(checkpoint.size == UINT64_MAX);
	assert_bytes(checkpoint.origin, to.origin);
	assert_memory_equal(checkpoint.root, to.root, SHA256_LEN);
	to.origin = BYTES_LIT("two\nlines");
	assert_fails(checkpoint_write(&to, &out, &err), err, ERR_USAGE,
		"checkpoint: origin: \"two\\nlines\" is no name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(note__by_another_implementation__opened),
		TEST(note__signed_here__opened_and_read_back),
		TEST(note__without_this_keys_signature__refused),
		TEST(note__changed__refused),
		TEST(note__one_good_and_one_bad_signature__refused),
		TEST(note__malformed__refused),
		TEST(note__beyond_the_limits__refused),
		TEST(note_key__malformed__refused),
		TEST(note_key__nul_in_the_name__refused),
		TEST(note_key__rsa__refused),
		TEST(note_key__name_that_breaks_lines_or_keys__refused),
		TEST(checkpoint__malformed__refused),
		TEST(note_sign__text_without_end_of_line__refused),
		TEST(cosigner__note_of_a_log__cosigned_and_told_when),
		TEST(cosigner__taken_for_a_log_or_a_log_for_one__refused),
		TEST(checkpoint__written__read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
