/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay-bench: N hosts with keys in software and well-formed, signed evidence over TLS 1.3 and HTTP against a real
 * assay-verifierd that it starts in a temporary directory. Clients and verifier share the machine, and what each of them
 * costs is said apart.
 */
#include "tests/bench/assay_bench/bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/time.h"

static const struct scenario {
	const char *name;
	bool (*run)(struct bench *b, struct err *err);
	const char *summary;
} scenarios[] = {
	{"enroll", scenario_enroll,
		"every host enrols: begin, activate, finish, with a join token"},
	{"renew", scenario_renew, "kept connections: closed loop, then open at --rate"},
	{"storm", scenario_storm, "every host launches one agent at the same moment"},
	{"reboot", scenario_reboot,
		"every host comes back at the same moment, on a new connection"},
	{"bad", scenario_bad, "renewals, and one evidence in a hundred that must be refused"},
	{"slow", scenario_slow, "renewals at --rate, alone and beside --idle and --slow clients"},
	{"scale", scenario_scale,
		"renewals with 1,000, 100,000 and 1,000,000 hosts enrolled (up to --enrolled)"},
	{"databases", scenario_databases,
		"renewals on SQLite and on --database by turns, and what one takes to the other"},
	{"soak", scenario_soak, "renewals in bad weather for --soak: memory and descriptors stay"},
};

static const struct option long_options[] = {
	{"hosts", required_argument, NULL, 'n'},
	{"seconds", required_argument, NULL, 's'},
	{"concurrency", required_argument, NULL, 'c'},
	{"rate", required_argument, NULL, 'r'},
	{"enrolled", required_argument, NULL, 'e'},
	{"idle", required_argument, NULL, 'i'},
	{"slow", required_argument, NULL, 'l'},
	{"soak", required_argument, NULL, 'k'},
	{"set", required_argument, NULL, 'o'},
	{"database", required_argument, NULL, 'd'},
	{"jwt", no_argument, NULL, 'j'},
	{"json", no_argument, NULL, 'J'},
	{"keep", no_argument, NULL, 'K'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *out)
{
	(void)fputs("usage: assay-bench [OPTION…] SCENARIO…\n\n", out);
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		(void)fprintf(out, "  %-9s %s\n", scenarios[i].name, scenarios[i].summary);
	(void)fputs(
		"\n"
		"  --hosts N         hosts that play (200)\n"
		"  --seconds S       of each load (10)\n"
		"  --concurrency N   requests under way in a closed loop (64)\n"
		"  --rate N          renewals a second of an open loop (70 % of the closed one;\n"
		"                    slow: 500, soak: 200)\n"
		"  --enrolled N      hosts enrolled besides, as rows of the store (0; scale: "
		"100000)\n"
		"  --idle N          idle TLS connections (5000)\n"
		"  --slow N          clients that send a byte a second (200)\n"
		"  --soak TIME       30s, 15m, 1h (60s)\n"
		"  --database URI    of a PostgreSQL: every scenario works there, each time in a "
		"schema of its own\n"
		"  --jwt             every renewal brings a JWT beside the certificate\n"
		"  --set 'KEY: V'    a line for verifierd.yaml; may be repeated\n"
		"  --json            one JSON object at the end\n"
		"  --keep            the verifier's directory stays\n"
		"\n"
		"The exit status is 0 when nothing came out wrong: no good host failed, nothing "
		"bad was accepted,\n"
		"no memory or descriptor grew. Figures decide nothing. ASSAY_BIN says where "
		"assay-verifierd is.\n",
		out);
}

static size_t number(const char *text)
{
	char *end = NULL;
	unsigned long long value = strtoull(text, &end, 10);
	if (end == text || *end || value > 100000000) {
		(void)fprintf(stderr, "assay-bench: %s is no number\n", text);
		exit(2);
	}
	return (size_t)value;
}

static double duration(const char *text)
{
	int64_t seconds = 0;
	struct err err = {0};
	if (!time_parse_duration(bytes_str(text), 30 * 86400, &seconds, &err)) {
		(void)fprintf(stderr, "assay-bench: %s\n", err.text);
		exit(2);
	}
	return (double)seconds;
}

/* False: --help, or what is no option. */
static bool option_take(struct options *o, int option)
{
	switch (option) {
	case 'n':
		o->hosts = number(optarg);
		break;
	case 's':
		o->seconds = (double)number(optarg);
		break;
	case 'c':
		o->concurrency = number(optarg);
		break;
	case 'r':
		o->rate = (double)number(optarg);
		break;
	case 'e':
		o->enrolled = number(optarg);
		break;
	case 'i':
		o->idle = number(optarg);
		break;
	case 'l':
		o->slow = number(optarg);
		break;
	case 'k':
		o->soak = duration(optarg);
		break;
	case 'o':
		buf_printf(&o->config, "%s\n", optarg);
		break;
	case 'd':
		o->database = optarg;
		return setenv("ASSAY_TEST_SQL", optarg, 1) == 0; /* tests/support/test_sql.h */
	case 'j':
		o->jwt = true;
		break;
	case 'J':
		o->json = true;
		break;
	case 'K':
		o->keep = setenv("ASSAY_KEEP", "1", 1) == 0; /* tests/support/verifierd.c */
		break;
	default:
		return false;
	}
	return true;
}

static const struct scenario *scenario_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

/* Each with a verifier of its own. */
static bool run(struct bench *b, const struct scenario *scenario)
{
	struct err err = {0};
	report_section(&b->report, scenario->name);
	bool ok = primitives_measure(&b->primitives, &err);
	b->on_postgres = b->options.database != NULL;
	if (ok) {
		report_put(&b->report, "p256_verify", b->primitives.p256_verify * 1e6, "us");
		report_put(&b->report, "p256_sign", b->primitives.p256_sign * 1e6, "us");
		report_put(&b->report, "ed25519_sign", b->primitives.ed25519_sign * 1e6, "us");
		ok = scenario->run(b, &err);
		bench_close(b);
	}
	if (!ok)
		(void)fprintf(stderr, "assay-bench: %s: %s\n", scenario->name, err.text);
	return ok;
}

/* A connection is a descriptor here and one there. */
static void limits_raise(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	static struct bench b = {.options = {.hosts = 200,
					 .seconds = 10,
					 .concurrency = 64,
					 .idle = 5000,
					 .slow = 200,
					 .soak = 60}};
	bool ok = true;
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
		if (!option_take(&b.options, option)) {
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	for (int i = optind; i < argc || i == optind; i++)
		if (i >= argc || !scenario_find(argv[i])) {
			usage(stderr);
			return 2;
		}
	if (b.options.hosts == 0 || b.options.concurrency == 0) {
		(void)fputs("assay-bench: at least one host and one request\n", stderr);
		return 2;
	}
	limits_raise();
	(void)signal(SIGPIPE, SIG_IGN);
	report_init(&b.report, b.options.json);
	for (int i = optind; i < argc; i++)
		ok = run(&b, scenario_find(argv[i])) && ok;
	report_end(&b.report);
	buf_release(&b.options.config);
	return ok && !b.wrong ? 0 : 1;
}
