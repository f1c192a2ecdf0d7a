/* SPDX-License-Identifier: Apache-2.0 */
/* What init and issue-operator make, and that both write over nothing. */
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"

#include "base/file.h"
#include "policy/policy.h"
#include "verifier/app.h"
#include "verifier/init.h"
#include "verifier/notify.h"
#include "verifier/verifier.h"

static char dir[64];
static struct err err;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-init-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static char *path_in(const char *name)
{
	static char paths[4][160];
	static unsigned at;
	char *path = paths[at++ % 4];
	(void)snprintf(path, 160, "%s/%s", dir, name);
	return path;
}

#define ARGS(...)                                                                                  \
	(char *[])                                                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
static int run(int (*command)(int, char **), char **argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	/* What the commands print is not what is tested. */
	int streams[] = {dup(1), dup(2)}, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	(void)fflush(NULL);
	assert_true(null >= 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2);
	int status = command(argc, argv);
	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		(void)dup2(streams[i], i + 1);
		(void)close(streams[i]);
	}
	(void)close(null);
	return status;
}

static char arg_dir[] = "--dir", arg_domain[] = "--trust-domain=d.example",
	    arg_listen[] = "--listen", listen_[] = "127.0.0.1:9443", arg_dns[] = "--dns",
	    dns[] = "verifier.d.example", arg_operator[] = "--operator", olga[] = "olga";

static int init(void)
{
	return run(verifier_init, ARGS(arg_dir, path_in("v"), arg_domain, arg_listen, listen_,
					  arg_dns, dns, arg_operator, olga));
}

static void init__fresh_directory__a_configuration_that_loads(void **state)
{
	(void)state;
	struct config config = {0};
	struct issuer issuer = {0};
	struct stat st;
	assert_int_equal(init(), 0);
	assert_ok(config_load(path_in("v/verifierd.yaml"), &config, &err), err);
	assert_string_equal(config.trust_domain, "d.example");
	assert_int_equal(config.port, 9443);
	assert_ok(issuer_load(&config, &random_system, &clock_system, &issuer, &err), err);
	static const char *const secrets[] = {"v/ca.key", "v/tls.key", "v/signing.key",
		"v/token.key", "v/log.key", "v/content.key", "v/operator/key.pem"};
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		assert_int_equal(stat(path_in(secrets[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	struct buf text = {0};
	assert_ok(file_read(path_in("v/operator/config.yaml"), 4096, &text, &err), err);
	assert_non_null(strstr(buf_str(&text), "verifier: https://verifier.d.example:9443\n"));
	buf_release(&text);
	issuer_release(&issuer);
	config_release(&config);
}

static void init__again__overwrites_nothing(void **state)
{
	(void)state;
	struct buf before = {0}, after = {0};
	assert_int_equal(init(), 0);
	assert_ok(file_read(path_in("v/ca.key"), 4096, &before, &err), err);
	assert_int_equal(init(), 3);
	assert_int_equal(unlink(path_in("v/verifierd.yaml")), 0);
	assert_int_equal(init(), 3); /* one file left is enough to refuse */
	assert_ok(file_read(path_in("v/ca.key"), 4096, &after, &err), err);
	assert_bytes(buf_bytes(&after), buf_bytes(&before));
	buf_release(&before);
	buf_release(&after);
}

static void init__wrong_usage__says_so(void **state)
{
	(void)state;
	static char bad_domain[] = "--trust-domain=Bank", bad_listen[] = "--listen=localhost:1",
		    unknown[] = "--x", twice[] = "--dir=a", bad_operator[] = "--operator=../x",
		    no_value[] = "--dns";
	assert_int_equal(run(verifier_init, ARGS(unknown)), 2);
	assert_int_equal(run(verifier_init, ARGS(arg_listen, listen_)), 2);
	assert_int_equal(run(verifier_init, ARGS(twice, twice)), 2);
	assert_int_equal(run(verifier_init, ARGS(arg_dir, path_in("v"), no_value)), 2);
	assert_int_equal(run(verifier_init, ARGS(arg_dir, path_in("v"), bad_domain)), 2);
	assert_int_equal(run(verifier_init, ARGS(arg_dir, path_in("v"), bad_operator)), 2);
	assert_int_equal(run(verifier_init, ARGS(arg_dir, path_in("v"), bad_listen)), 3);
	assert_int_not_equal(access(path_in("v"), F_OK), 0);
}

static void issue_operator__role__certificate_of_that_role(void **state)
{
	(void)state;
	static char arg_config[] = "--config", role[] = "--role=ci", name[] = "--name=builder",
		    out[] = "--out", bad[] = "--role=root";
	struct buf pem = {0};
	struct cert *cert = NULL;
	char uri[X509_URI_MAX];
	assert_int_equal(init(), 0);
	char *config = path_in("v/verifierd.yaml"), *to = path_in("ci");
	assert_int_equal(
		run(verifier_issue_operator, ARGS(arg_config, config, role, name, out, to)), 0);
	assert_int_equal(
		run(verifier_issue_operator, ARGS(arg_config, config, role, name, out, to)), 3);
	assert_int_equal(run(verifier_issue_operator,
				 ARGS(arg_config, config, bad, name, out, path_in("x"))),
		2);
	assert_ok(file_read(path_in("ci/cert.pem"), 65536, &pem, &err), err);
	assert_ok(cert_from_pem(buf_bytes(&pem), &cert, &err), err);
	assert_true(cert_uri(cert, uri, sizeof(uri)));
	assert_string_equal(uri, "spiffe://d.example/operator/ci/builder");
	cert_unref(&cert);
	buf_release(&pem);
}

/* As init leaves it the policy names nobody, and the service does not start; filled in it does. */
static void run__policy_not_filled_in__refused_with_what_to_add(void **state)
{
	(void)state;
	struct config config = {0};
	struct app *app = NULL;
	struct app_options options = {
		.clock = &clock_system, .random = &random_system, .sql = test_sql(), .log_fd = -1};
	struct buf text = {0}, filled = {0}, pem = {0};
	struct key *key = NULL;
	assert_int_equal(init(), 0);
	assert_ok(config_load(path_in("v/verifierd.yaml"), &config, &err), err);
	assert_false(app_open(&config, &options, &app, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "add at least one release key"));
	assert_ok(file_read(path_in("v/policy.yaml"), 65536, &text, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_public_pem(key, &pem, &err), err);
	const char *whole = buf_str(&text), *at = strstr(whole, "release_keys: []");
	assert_non_null(at);
	buf_printf(
		&filled, "%.*srelease_keys:\n  - name: b\n    pem: |\n", (int)(at - whole), whole);
	for (const char *line = buf_str(&pem); *line; line = strchr(line, '\n') + 1)
		buf_printf(&filled, "      %.*s\n", (int)strcspn(line, "\n"), line);
	buf_put_str(&filled, at + strlen("release_keys: []"));
	assert_ok(file_write_atomic(path_in("v/policy.yaml"), buf_bytes(&filled), 0600, &err), err);
	assert_ok(config_load(path_in("v/verifierd.yaml"), &config, &err), err);
	assert_ok(app_open(&config, &options, &app, &err), err);
	app_close(&app);
	static char arg_config[] = "--config", check[] = "--check";
	assert_int_equal(
		run(verifier_run, ARGS(arg_config, path_in("v/verifierd.yaml"), check)), 0);
	buf_release(&text);
	buf_release(&filled);
	buf_release(&pem);
	key_unref(&key);
}

static void app__key_of_another_certificate__refused(void **state)
{
	(void)state;
	struct config config = {0};
	struct issuer issuer = {0};
	assert_int_equal(init(), 0);
	assert_ok(config_load(path_in("v/verifierd.yaml"), &config, &err), err);
	assert_int_equal(rename(path_in("v/tls.key"), path_in("v/ca.key")), 0);
	assert_false(issuer_load(&config, &random_system, &clock_system, &issuer, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "not the private key of its certificate"));
	config_release(&config);
}

/* Audits would refuse every record that it signs. */
static void app__signing_certificate_that_signs_no_records__refused(void **state)
{
	(void)state;
	struct config config = {0};
	struct issuer issuer = {0};
	assert_int_equal(init(), 0);
	assert_ok(config_load(path_in("v/verifierd.yaml"), &config, &err), err);
	config.trust_domain[0] = 'x';
	assert_false(issuer_load(&config, &random_system, &clock_system, &issuer, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "is of another trust domain than x.example"));
	config_release(&config);
	assert_int_equal(rename(path_in("v/tls.pem"), path_in("v/signing.pem")), 0);
	assert_int_equal(rename(path_in("v/tls.key"), path_in("v/signing.key")), 0);
	assert_ok(config_load(path_in("v/verifierd.yaml"), &config, &err), err);
	assert_false(issuer_load(&config, &random_system, &clock_system, &issuer, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "has an extendedKeyUsage"));
	config_release(&config);
}

static void notify__socket__gets_the_state(void **state)
{
	(void)state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char got[32] = {0};
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/n", dir);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(notify_send(address.sun_path, "READY=1"));
	assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), 7);
	assert_string_equal(got, "READY=1");
	(void)close(fd);
	assert_true(notify_send(NULL, "READY=1"));
	assert_true(notify_send("", "READY=1"));
	assert_false(notify_send("relative", "READY=1"));
	assert_false(notify_send("/nonexistent/socket", "READY=1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(init__fresh_directory__a_configuration_that_loads),
		T(init__again__overwrites_nothing),
		T(init__wrong_usage__says_so),
		T(issue_operator__role__certificate_of_that_role),
		T(run__policy_not_filled_in__refused_with_what_to_add),
		T(app__key_of_another_certificate__refused),
		T(app__signing_certificate_that_signs_no_records__refused),
		T(notify__socket__gets_the_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
