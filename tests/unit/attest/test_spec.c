/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attest/spec_text.h"

#include <stdlib.h>

#include "attest/spec.h"
#include "base/file.h"
#include "base/yaml.h"

static struct spec spec;
static struct err err;

static int setup(void **state)
{
	(void)state;
	memset(&err, 0, sizeof(err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	spec_release(&spec);
	return 0;
}

static void parse(const char *text)
{
	if (!spec_parse(bytes_str(text), "agent.yaml", &spec, &err))
		fail_msg("%s", err.text);
}

static void assert_refused(const char *text, const char *why)
{
	memset(&err, 0, sizeof(err));
	assert_false(spec_parse(bytes_str(text), "agent.yaml", &spec, &err));
	if (!strstr(err.text, why))
		fail_msg("\"%s\" lacks \"%s\"", err.text, why);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_true(strncmp(err.text, "agent.yaml:", 11) == 0);
	assert_null(spec.loaded);
}

static void spec__whole__every_field(void **state)
{
	(void)state;
	uint8_t digest[SHA256_LEN];
	parse(spec_text);
	assert_string_equal(spec.workload, "ocr-agent");
	assert_int_equal(spec.command_count, 7);
	assert_string_equal(spec.command[6], "--tag=${tag}:$$");
	assert_int_equal(spec.argument_count, 4);
	assert_int_equal(spec.arguments[0].type, SPEC_TYPE_FILE);
	assert_int_equal(spec.arguments[1].max, 13);
	assert_string_equal(spec.arguments[2].choices[1], "deu");
	assert_int_equal(spec.component_count, 2);
	assert_int_equal(spec.components[0].role, SPEC_BINARY);
	assert_int_equal(spec.components[0].digest, MEASURE_FSVERITY);
	assert_int_equal(spec.components[0].present, SPEC_PRESENT_COPY);
	assert_int_equal(spec.components[1].digest, MEASURE_SHA256);
	assert_int_equal(spec.components[1].present, SPEC_PRESENT_AUTO);
	assert_null(spec.components[1].canonical);
	assert_int_equal(spec.binary, 0);
	assert_string_equal(spec.user, "nobody");
	assert_string_equal(spec.environment[0].value, "1");
	assert_null(spec.environment[1].value);
	assert_true(spec.want_x509 && spec.want_jwt);
	assert_string_equal(spec.audiences[0], "https://db.example");
	assert_false(spec.accepted);
	assert_true(sha256_of(bytes_str(spec_text), digest, NULL));
	assert_memory_equal(spec.digest, digest, SHA256_LEN);
}

static void spec__least__defaults(void **state)
{
	(void)state;
	parse("workload: a\ncommand: [/b]\ncomponents: [{name: b, role: binary, path: /b}]\n");
	assert_int_equal(spec.argument_count, 0);
	assert_int_equal(spec.environment_count, 0);
	assert_string_equal(spec.working_directory, "/");
	assert_null(spec.user);
	assert_false(spec.want_x509 || spec.want_jwt);
}

static void spec__names_of_roles_and_types(void **state)
{
	(void)state;
	assert_string_equal(spec_role_name(SPEC_DATASET), "dataset");
	assert_string_equal(spec_role_name(SPEC_ROLE_NONE), "unknown");
	assert_string_equal(spec_type_name(SPEC_TYPE_WORD), "word");
	assert_string_equal(spec_type_name(SPEC_TYPE_NONE), "unknown");
}

struct change {
	const char *from, *to, *why;
};

static void check_changes(const struct change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_refused(spec_with(changes[i].from, changes[i].to), changes[i].why);
}

static void spec__form_that_is_wrong__refused_with_its_line(void **state)
{
	(void)state;
	static const struct change changes[] = {
		{"workload:", "worklaod:", "agent.yaml:1:1: unknown key \"worklaod\""},
		{"user: nobody", "user: nobody\nuser: root",
			"agent.yaml:26:1: duplicate key \"user\""},
		{"workload: ocr-agent\n", "", "workload"},
		{"role: binary", "role: program", "agent.yaml:18:11: unknown word \"program\""},
		{"type: word", "type: text", "unknown word \"text\""},
		{"digest: fs-verity", "digest: md5", "unknown word \"md5\""},
		{"present: copy", "present: trust", "unknown word \"trust\""},
		{"[x509, jwt]", "[x509, ssh]", "unknown word \"ssh\""},
		{"from: caller", "from: file", "unknown word \"file\""},
		{"min: 0", "min: none", "no integer: \"none\""},
		{"path: /usr/share/tessdata", "path: [a]", "agent.yaml:"},
		{"    path: /usr/share/tessdata\n", "", "agent.yaml:"},
		{"choices: [eng, deu]", "choices: []", "agent.yaml:"},
		{"audience: [https://db.example]", "audience: &a [x]",
			"anchors and tags are refused"},
		{"user: nobody", "user: nobody\n---\n", "more than one document"},
		{"user: nobody", "user: \"a\\0b\"", "NUL in a value"},
	};
	check_changes(changes, ARRAY_LEN(changes));
	assert_refused("", "agent.yaml: empty");
}

static void spec__names_and_paths_that_are_none__refused(void **state)
{
	(void)state;
	static const struct change changes[] = {
		{"ocr-agent", "OCR", "workload \"OCR\": not a name"},
		{"ocr-agent", "\"a\\nb\"", "workload \"a\\nb\": not a name"},
		{"name: image", "name: Image", "argument \"Image\": not a name"},
		{"name: mode", "name: image", "argument image: twice"},
		{"name: model", "name: ../model", "component \"../model\": not a name"},
		{"name: model", "name: tesseract", "component tesseract: twice"},
		{"path: /usr/share/tessdata", "path: /usr/bin/tesseract",
			"components tesseract and model: the same path"},
		{"path: /usr/share/tessdata", "path: usr/share",
			"component model: path \"usr/share\": needed is"},
		{"path: /usr/share/tessdata", "path: /usr/../etc",
			"component model: path \"/usr/../etc\""},
		{"path: /usr/share/tessdata", "path: /usr/./etc",
			"component model: path \"/usr/./etc\""},
		{"path: /usr/share/tessdata", "path: /usr//etc",
			"component model: path \"/usr//etc\""},
		{"path: /usr/share/tessdata", "path: /usr/", "component model: path \"/usr/\""},
		{"path: /usr/share/tessdata", "path: /", "component model: path \"/\""},
		{"path: /usr/share/tessdata", "path: \"/a\\nb\"",
			"component model: path \"/a\\nb\""},
		{"working_directory: /tmp", "working_directory: tmp",
			"working_directory \"tmp\": not an absolute"},
		{"user: nobody", "user: \"../x\"", "user \"../x\": neither a name nor a number"},
		{"https://db.example", "\"a\\tb\"", "audience \"a\\tb\": longer than 255 bytes"},
	};
	check_changes(changes, ARRAY_LEN(changes));
}

static void spec__command_that_starts_something_else__refused(void **state)
{
	(void)state;
	static const struct change changes[] = {
		{"[/usr/bin/tesseract", "[/usr/bin/other",
			"\"/usr/bin/other\" is not the path of a component"},
		{"[/usr/bin/tesseract", "[tesseract",
			"\"tesseract\" is not the path of a component"},
		{"[/usr/bin/tesseract", "[\"${image}\"",
			"\"${image}\" is not the path of a component"},
		{"role: binary", "role: tools",
			"is component tesseract of role tools; needed is binary"},
	};
	check_changes(changes, ARRAY_LEN(changes));
}

static void spec__templates_that_lead_nowhere__refused(void **state)
{
	(void)state;
	static const struct change changes[] = {
		{"\"${image}\"", "\"${imagen}\"", "command: ${imagen}: no such argument"},
		{"\"${image}\"", "\"$image\"", "a `$` must begin ${argument} or be doubled"},
		{"\"${image}\"", "\"${image\"", "a `$` must begin ${argument} or be doubled"},
		{"\"${image}\"", "\"${}\"", "a `$` must begin ${argument} or be doubled"},
		{"\"${image}\"", "\"$\"", "a `$` must begin ${argument} or be doubled"},
		{"\"${image}\"", "plain", "argument image: not used in the command"},
		{"stdout", "\"a\\eb\"", "empty, too long or with control characters"},
	};
	check_changes(changes, ARRAY_LEN(changes));
}

static void spec__arguments_that_contradict_their_type__refused(void **state)
{
	(void)state;
	static const struct change changes[] = {
		{"    choices: [eng, deu]\n", "", "argument 3: a choice needs choices"},
		{"type: choice", "type: word", "argument 3: choices, but the type is not choice"},
		{"    max: 13\n", "", "argument 2: an integer needs min and max"},
		{"type: integer", "type: word",
			"argument 2: min or max, but the type is not integer"},
		{"min: 0", "min: -1", "argument mode: min -1, max 13"},
		{"min: 0", "min: 14", "argument mode: min 14, max 13"},
		{"[eng, deu]", "[eng, eng]", "argument lang: choice \"eng\": twice"},
		{"[eng, deu]", "[eng, --help]",
			"argument lang: choice \"--help\": begins with '-'"},
		{"[eng, deu]", "[eng, \"a\\nb\"]",
			"argument lang: choice \"a\\nb\": begins with '-' or"},
	};
	check_changes(changes, ARRAY_LEN(changes));
}

static void spec__credentials_that_contradict__refused(void **state)
{
	(void)state;
	static const struct change changes[] = {
		{"[x509, jwt]", "[jwt, jwt]", "credentials: one is named twice"},
		{"[x509, jwt]", "[x509]", "audience: only jwt credentials have one"},
		{"audience: [https://db.example]\n", "", "credentials: jwt needs an audience"},
	};
	check_changes(changes, ARRAY_LEN(changes));
}

static void M16__environment_that_loads_code__refused(void **state)
{
	(void)state;
	static const char *const always[] = {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT",
		"GLIBC_TUNABLES", "GCONV_PATH", "MALLOC_TRACE", "ASSAY_CREDENTIALS"};
	static const char *const from_caller[] = {"PYTHONPATH", "PYTHONHOME", "PERL5LIB",
		"PERL5OPT", "NODE_OPTIONS", "PATH", "BASH_ENV", "ENV", "JAVA_TOOL_OPTIONS",
		"RUBYOPT", "TESSDATA_PREFIX", "OPENSSL_CONF", "HOME", "TMPDIR", "TZDIR",
		"XDG_DATA_HOME", "DOTNET_STARTUP_HOOKS", "R_PROFILE_USER", "PHPRC", "AWKLIBPATH",
		"npm_config_prefix", "LESSOPEN", "GIT_SSH_COMMAND", "QT_PLUGIN_PATH",
		"GIO_EXTRA_MODULES", "VK_ICD_FILENAMES", "OCL_ICD_FILENAMES", "HSA_TOOLS_LIB",
		"NCCL_NET_PLUGIN", "OMP_TOOL_LIBRARIES", "GGML_BACKEND_PATH", "LLAMA_ARG_MODEL",
		"OLLAMA_MODELS", "TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR",
		"TRITON_CACHE_DIR", "CC", "VLLM_PLUGINS", "SSL_CERT_FILE", "SSLKEYLOGFILE"};
	char name[64];
	for (size_t i = 0; i < ARRAY_LEN(always); i++) {
		snprintf(name, sizeof(name), "name: %s", always[i]);
		assert_refused(spec_with("name: OMP_THREAD_LIMIT", name),
			"it would change what is loaded unmeasured");
		assert_refused(
			spec_with("name: LANG", name), "it would change what is loaded unmeasured");
	}
	for (size_t i = 0; i < ARRAY_LEN(from_caller); i++) {
		snprintf(name, sizeof(name), "name: %s", from_caller[i]);
		assert_refused(spec_with("name: LANG", name), "can make the agent load code");
		parse(spec_with("name: OMP_THREAD_LIMIT", name)); /* written here, it is measured */
		spec_release(&spec);
	}
}

/* What says nothing about code a caller may say. */
static void spec__environment_from_the_caller__what_is_harmless_taken(void **state)
{
	(void)state;
	static const char *const names[] = {"LANG", "LC_ALL", "TZ", "TERM", "USER", "LOGNAME",
		"XDG_RUNTIME_DIR", "HTTPS_PROXY", "OMP_NUM_THREADS", "HOMEPAGE", "RUN_ID",
		"CCACHE"};
	char name[64];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(name, sizeof(name), "name: %s", names[i]);
		parse(spec_with("name: LANG", name));
		assert_null(spec.environment[1].value);
		spec_release(&spec);
	}
}

static void spec__sandbox__what_confines_takes_the_capabilities(void **state)
{
	static const struct {
		const char *lines;
		unsigned sandbox;
	} good[] = {
		{"", SANDBOX_NO_NEW_PRIVS},
		{"sandbox: {}\n", SANDBOX_NO_NEW_PRIVS},
		{"sandbox: {network: host, capabilities: keep, filesystem: host}\n",
			SANDBOX_NO_NEW_PRIVS},
		{"sandbox: {capabilities: none}\n", SANDBOX_NO_NEW_PRIVS | SANDBOX_NO_CAPABILITIES},
		{"sandbox: {network: none, capabilities: keep}\n",
			SANDBOX_NO_NEW_PRIVS | SANDBOX_NO_CAPABILITIES | SANDBOX_NO_NETWORK},
		{"sandbox: {filesystem: read-only}\n",
			SANDBOX_NO_NEW_PRIVS | SANDBOX_NO_CAPABILITIES | SANDBOX_READ_ONLY},
		{"sandbox: {network: none, filesystem: read-only}\n", SANDBOX_ALL},
	};
	static const char *const bad[] = {"sandbox: none\n", "sandbox: {network: bridge}\n",
		"sandbox: {seccomp: strict}\n", "sandbox: {filesystem: none}\n",
		"sandbox: {no_new_privs: false}\n"};
	char text[4096];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", spec_text, good[i].lines);
		if (!spec_parse(bytes_str(text), "a.yaml", &spec, &err))
			fail_msg("%s", err.text);
		assert_int_equal(spec.sandbox, good[i].sandbox);
		spec_release(&spec);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", spec_text, bad[i]);
		if (spec_parse(bytes_str(text), "a.yaml", &spec, &err))
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.code, ERR_CONFIG);
	}
}

/* What the environment is kept for must be a public key, and one that can be sealed for. */
static void spec__environment_key__taken_or_refused(void **state)
{
	static const enum key_type types[] = {KEY_EC_P256, KEY_ED25519, KEY_EC_P256};
	static const char *const said[] = {NULL, "nothing can be sealed for an Ed25519 key",
		"environment_key: a private key: put the public key here"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct key *key = NULL;
		struct buf pem = {0}, text = {0};

		assert_true(key_generate(types[i], &key, &err));
		assert_true(i == 2 ? key_private_pem(key, &pem, &err)
				   : key_public_pem(key, &pem, &err));
		buf_printf(&text, "%senvironment_key: \"", spec_text);
		for (size_t k = 0; k < pem.len; k++)
			buf_printf(&text, pem.data[k] == '\n' ? "\\n" : "%c", pem.data[k]);
		buf_put_str(&text, "\"\n");
		bool ok = spec_parse(buf_bytes(&text), "a.yaml", &spec, &err);
		assert_int_equal(ok, said[i] == NULL);
		if (ok)
			assert_true(key_equal(spec.environment_key, key));
		else if (!said[i] || !strstr(err.text, said[i]))
			fail_msg("%s", err.text);
		spec_release(&spec);
		key_unref(&key);
		buf_release(&pem);
		buf_release(&text);
	}
	check_changes(&(struct change){"user: nobody\n", "user: nobody\nenvironment_key: x\n",
			      "environment_key: "},
		1);
}

static void spec__environment_that_is_malformed__refused(void **state)
{
	(void)state;
	static const struct change changes[] = {
		{"name: LANG", "name: OMP_THREAD_LIMIT", "environment: OMP_THREAD_LIMIT: twice"},
		{"name: LANG", "name: A=B", "\"A=B\": not a variable's name"},
		{"name: LANG", "name: 1A", "\"1A\": not a variable's name"},
		{"value: \"1\"", "value: \"a\\nb\"",
			"OMP_THREAD_LIMIT: value with control characters"},
		{"    from: caller\n", "", "environment 2: either `value` or `from: caller`"},
		{"from: caller", "from: caller\n    value: x",
			"environment 2: either `value` or `from: caller`"},
	};
	check_changes(changes, ARRAY_LEN(changes));
}

static void spec__more_than_a_limit__refused(void **state)
{
	(void)state;
	struct buf text = {0};
	buf_put_str(&text, "workload: a\ncommand: [/b]\ncomponents:\n");
	for (unsigned i = 0; i <= SPEC_COMPONENTS_MAX; i++)
		buf_printf(&text, "  - {name: c%u, role: binary, path: /b%u}\n", i, i);
	assert_refused(buf_str(&text), "agent.yaml:");
	buf_clear(&text);
	while (text.len <= YAML_INPUT_MAX)
		buf_put_str(&text,
			"# a comment that goes on and on and on and on and on and on and on\n");
	memset(&err, 0, sizeof(err));
	assert_false(spec_parse(buf_bytes(&text), "agent.yaml", &spec, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	buf_release(&text);
}

static void spec__cut_anywhere__no_more_than_an_error(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(spec_text) - 1; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		assert_non_null(exact);
		memcpy(exact, spec_text, len);
		bool done = spec_parse(bytes_of(exact, len), "agent.yaml", &spec, &err);
		free(exact);
		if (done)
			assert_int_equal(spec.components[spec.binary].role, SPEC_BINARY);
		spec_release(&spec);
	}
}

/* The n-th ```yaml block of docs/formats/spec.md, ended with NUL; NULL behind the last. */
static char *example(struct buf *document, size_t n)
{
	char *at = (char *)(uintptr_t)buf_str(document), *end = NULL;
	for (size_t i = 0; at && i <= n; i++) {
		at = strstr(at, "```yaml\n");
		at = at ? at + 8 : NULL;
	}
	end = at ? strstr(at, "```") : NULL;
	if (end)
		*end = '\0';
	return end ? at : NULL;
}

static size_t parse_examples(const char *const *keys, size_t key_count)
{
	size_t count = 0;
	for (;; count++) {
		struct buf document = {0};
		assert_true(file_read("docs/formats/spec.md", YAML_INPUT_MAX, &document, &err));
		const char *text = example(&document, count);
		for (size_t i = 0; text && count == 0 && i < key_count; i++)
			if (!strstr(text, keys[i]))
				fail_msg("the whole example lacks \"%s\"", keys[i]);
		if (text) {
			parse(text);
			spec_release(&spec);
		}
		buf_release(&document);
		if (!text)
			return count;
	}
}

static void docs__examples__parse_and_show_every_key(void **state)
{
	(void)state;
	static const char *const keys[] = {"workload: ", "command:", "arguments:", "type: file",
		"type: choice", "choices: ", "type: integer", "min: ", "max: ", "type: word",
		"components:", "name: ", "role: ", "path: ", "digest: ", "present: ", "user: ",
		"working_directory: ", "environment:", "value: ", "from: caller",
		"credentials: ", "audience: "};
	assert_int_equal(parse_examples(keys, ARRAY_LEN(keys)), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(spec__whole__every_field),
		TEST(spec__least__defaults),
		TEST(spec__names_of_roles_and_types),
		TEST(spec__form_that_is_wrong__refused_with_its_line),
		TEST(spec__names_and_paths_that_are_none__refused),
		TEST(spec__command_that_starts_something_else__refused),
		TEST(spec__templates_that_lead_nowhere__refused),
		TEST(spec__arguments_that_contradict_their_type__refused),
		TEST(spec__credentials_that_contradict__refused),
		TEST(M16__environment_that_loads_code__refused),
		TEST(spec__environment_from_the_caller__what_is_harmless_taken),
		TEST(spec__sandbox__what_confines_takes_the_capabilities),
		TEST(spec__environment_that_is_malformed__refused),
		TEST(spec__environment_key__taken_or_refused),
		TEST(spec__more_than_a_limit__refused),
		TEST(spec__cut_anywhere__no_more_than_an_error),
		TEST(docs__examples__parse_and_show_every_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
