/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `assay audit`, the whole process, of a record that is large: a firmware log of 35 kB, 5,000 entries of IMA with a rule for each,
 * 20 statements of third parties. The machine is the recorded one of tests/data/vm, whose logs are made longer here; the rest is
 * the unit tests' scene. Beside it `assay --version`: what starting the program costs.
 *
 * usage: bench_audit PROGRAM [RUNS]     (assay or assay-audit; default 100 runs)
 *        from the root of the sources
 */
#include "tests/unit/ledger/whole_bundle.h"
#include "tests/unit/policy/boot_scene.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/ima_make.h"

#define MACHINE        "secure-boot"
#define FIRMWARE_BYTES (35u * 1024u)
#define IMA_ENTRIES    5000u
#define STATEMENTS     20u
#define HOSTD          "/usr/bin/busybox"
#define LOG_TAIL_PCR   14 /* no part of boot_aggregate */

extern char **environ;

static struct scene_keys keys;
static struct buf statements[STATEMENTS], golden, rules;
static struct whole whole;
static char hostd[2 * SHA256_LEN + 1];
static struct bytes views[STATEMENTS];
static char path[] = "/tmp/assay-bench-audit-XXXXXX";
static char key_path[] = "/tmp/assay-bench-key-XXXXXX", key_option[] = "--key";
static char audit_command[] = "audit", version_option[] = "--version";

/* ---- the record ---- */

static void firmware_lengthen(void)
{
	struct event_log log;
	struct pcr_bank pcrs;
	struct err err = {0};
	struct log_maker m = {0};
	assert_ok(
		event_log_open(buf_bytes(&boot.firmware), EVENT_LOG_TPM, DIGEST_SHA256, &log, &err),
		err);
	m.bank_count = log.bank_count;
	for (size_t i = 0; i < log.bank_count; i++)
		m.banks[i] = log.banks[i].alg;
	event_log_release(&log);
	buf_put(&m.out, buf_bytes(&boot.firmware));
	for (unsigned i = 0; m.out.len < FIRMWARE_BYTES; i++) {
		char text[64];
		(void)snprintf(text, sizeof(text), "grub_cmd: menuentry %u --class gnu", i);
		log_maker_text(&m, LOG_TAIL_PCR, EV_IPL, text);
	}
	buf_clear(&boot.firmware);
	buf_put(&boot.firmware, buf_bytes(&m.out));
	buf_release(&m.out);
	assert_ok(
		event_log_open(buf_bytes(&boot.firmware), EVENT_LOG_TPM, DIGEST_SHA256, &log, &err),
		err);
	assert_ok(event_log_replay(&log, DIGEST_SHA256, &pcrs, &err), err);
	memcpy(boot.s->pcrs.values[LOG_TAIL_PCR], pcrs.values[LOG_TAIL_PCR], SHA256_LEN);
	event_log_release(&log);
	boot_claims();
}

/* A line for each file, as sha256sum writes it. One of them stands in for assay-hostd. */
static void rules_make(void)
{
	struct ima_log log;
	struct ima_entry entry;
	struct err err = {0};
	assert_ok(ima_log_open(buf_bytes(&boot.ima), DIGEST_SHA1, 0, &log, &err), err);
	while (!ima_log_end(&log)) {
		assert_ok(ima_log_next(&log, &entry, &err), err);
		if (entry.digest.len != SHA256_LEN || bytes_equal_str(entry.path, "boot_aggregate"))
			continue;
		buf_put_hex(&rules, entry.digest);
		buf_put_str(&rules, "  ");
		buf_put(&rules, entry.path);
		buf_put_u8(&rules, '\n');
		if (bytes_equal_str(entry.path, HOSTD))
			hex_encode(entry.digest, hostd);
	}
}

static size_t ima_count(void)
{
	struct ima_log log;
	struct ima_entry entry;
	struct err err = {0};
	size_t n = 0;
	assert_ok(ima_log_open(buf_bytes(&boot.ima), DIGEST_SHA1, 0, &log, &err), err);
	for (; !ima_log_end(&log); n++)
		assert_ok(ima_log_next(&log, &entry, &err), err);
	return n;
}

static void ima_lengthen(void)
{
	ima_make_many(&boot.ima, 1, IMA_ENTRIES - ima_count());
	ima_make_replay(buf_bytes(&boot.ima), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR,
		boot.s->pcrs.values[IMA_PCR]);
	boot.send_ima = true;
	rules_make();
}

static void policy_make(void)
{
	struct buf lines = {0};
	buf_printf(&lines,
		"    ima:\n      lockdown: secure-boot\n      hostd: [ {path: %s, sha256: %s} ]\n",
		HOSTD, hostd);
	buf_put_str(&lines, "statement_keys:\n  - name: ci\n    kinds: [test-result]\n    pem: ");
	scene_put_pem(&lines, keys.other, 6);
	buf_put(&golden, buf_bytes(&boot.firmware));
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_reference("ima-rules", buf_bytes(&rules), "");
	boot_policy(BOOT_RISK
		"    minimum_assurance: measured\n"
		"    statements:\n      - {kind: test-result, name: t, covers: [binary]}\n",
		buf_str(&lines));
	boot_attach(buf_bytes(&golden));
	boot_attach(buf_bytes(&rules));
	buf_release(&lines);
}

static void statements_make(void)
{
	struct scene *s = boot.s;
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(s->components[0].digest), hex);
	for (size_t i = 0; i < STATEMENTS; i++) {
		struct buf text = {0};
		buf_printf(&text,
			"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":"
			"\"c\",\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":"
			"\"https://in-toto.io/attestation/test-result/v0.1\",\"predicate\":"
			"{\"result\":\"PASSED\",\"configuration\":[],\"passedTests\":[",
			hex);
		for (int k = 0; k < 100; k++)
			buf_printf(&text, "%s\"suite-%zu/case-%d\"", k ? "," : "", i, k);
		buf_put_str(&text, "]}}");
		assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.other, &statements[i],
				  &s->err),
			s->err);
		views[i] = buf_bytes(&statements[i]);
		buf_release(&text);
	}
	s->context.statements = views;
	s->context.statement_count = STATEMENTS;
}

static void bundle_write(void)
{
	const struct bytes more[] = {buf_bytes(&golden), buf_bytes(&rules)};
	struct buf pem = {0};
	whole_make(&whole, boot.s, more, ARRAY_LEN(more));
	assert_ok(file_write_atomic(path, buf_bytes(&whole.file), 0600, &whole.err), whole.err);
	assert_ok(key_public_pem(whole.verifier, &pem, &whole.err), whole.err);
	assert_ok(file_write_atomic(key_path, buf_bytes(&pem), 0600, &whole.err), whole.err);
	buf_release(&pem);
}

static void record_make(void)
{
	scene_keys_make(&keys);
	boot_setup(&keys, MACHINE);
	firmware_lengthen();
	ima_lengthen();
	policy_make();
	statements_make();
	scene_run(boot.s);
	assert_trusted(boot.s);
	bundle_write();
	printf("a bundle of %zu bytes: firmware log %zu, %zu entries of IMA, %u statements\n",
		whole.file.len, boot.firmware.len, ima_count(), STATEMENTS);
}

/* ---- the program ---- */

struct spent {
	double wall, cpu; /* ms */
};

static struct spent run_once(char **argv, int wanted)
{
	struct timespec start, end;
	struct rusage usage;
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = 0;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), 0);
	assert_int_equal(wait4(pid, &status, 0, &usage), pid);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
		fail_msg("%s: status %d", argv[1], status);
	return (struct spent){(double)(end.tv_sec - start.tv_sec) * 1e3 +
				      (double)(end.tv_nsec - start.tv_nsec) / 1e6,
		(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3};
}

static int by_value(const void *left, const void *right)
{
	double x = *(const double *)left, y = *(const double *)right;
	return (x > y) - (x < y);
}

static void runs(const char *what, char **argv, size_t n)
{
	double *wall = calloc(n, sizeof(*wall)), *cpu = calloc(n, sizeof(*cpu));
	assert_true(wall && cpu);
	for (size_t i = 0; i < n; i++) {
		struct spent spent = run_once(argv, 0);
		wall[i] = spent.wall;
		cpu[i] = spent.cpu;
	}
	qsort(wall, n, sizeof(*wall), by_value);
	qsort(cpu, n, sizeof(*cpu), by_value);
	printf("%-16s best %6.1f ms, median %6.1f, 90%% %6.1f; of the processor best %6.1f, median "
	       "%6.1f\n",
		what, wall[0], wall[n / 2], wall[n * 9 / 10], cpu[0], cpu[n / 2]);
	free(wall);
	free(cpu);
}

int main(int argc, char **argv)
{
	char *program = argc > 1 ? argv[1] : NULL;
	char *audit[] = {program, audit_command, path, key_option, key_path, NULL};
	char *audit_alone[] = {program, path, key_option, key_path, NULL};
	char *version[] = {program, version_option, NULL};
	bool alone = program && strstr(program, "assay-audit");
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
	double load = 0;
	int fd;
	if (!program) {
		(void)fprintf(stderr, "usage: bench_audit PROGRAM [RUNS]\n");
		return EXIT_FAILURE;
	}
	for (int i = 0; i < 2; i++) {
		fd = mkstemp(i ? key_path : path);
		(void)close(fd);
	}
	(void)getloadavg(&load, 1);
	printf("load average before: %.2f\n", load);
	record_make();
	runs(alone ? "assay-audit" : "assay audit", alone ? audit_alone : audit, n ? n : 1);
	runs("--version", version, n ? n : 1);
	(void)unlink(path);
	(void)unlink(key_path);
	boot_teardown();
	whole_release(&whole);
	scene_keys_free(&keys);
	return EXIT_SUCCESS;
}
