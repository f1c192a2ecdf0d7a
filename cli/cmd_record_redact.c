/* SPDX-License-Identifier: Apache-2.0 */
/* assay record redact: a copy of an audit file without objects that its reader is not to see. */
#include "cli/commands.h"

#include "ledger/audit.h"

#include <stdlib.h>

static const struct option_spec options[] = {
	{"withhold", "WHAT", OPTION_REPEATED,
		"an input by its name (evidence, …), approvals, statements, digest"},
	{"out", "FILE", OPTION_VALUE, "write the copy there"},
	OPTIONS_END,
};

struct redacting {
	struct cli *cli;
	struct buf in, out, withheld;
	struct audit_bundle bundle;
	struct audit_report report; /* whose record names the inputs */
	bool gone[AUDIT_OBJECTS_MAX]; /* of the bundle's objects */
	uint8_t digests[AUDIT_OBJECTS_MAX][SHA256_LEN];
};

static void redacting_free(struct redacting **r)
{
	if (!*r)
		return;
	buf_release(&(*r)->in);
	buf_release(&(*r)->out);
	buf_release(&(*r)->withheld);
	audit_report_release(&(*r)->report);
	free(*r);
	*r = NULL;
}

static bool bundle_read(struct redacting *r)
{
	struct err *err = &r->cli->err;
	if (!cli_read(r->cli->arguments->values[0], AUDIT_BUNDLE_MAX, &r->in, err) ||
		!audit_bundle_decode(buf_bytes(&r->in), &r->bundle, err) ||
		!audit_run(buf_bytes(&r->in), NULL, &r->report, err))
		return false;
	if (r->report.record.verifier_id.len == 0)
		return err_set(err, ERR_MISMATCH,
			"the record cannot be read, and nothing can be named: see assay audit");
	for (size_t i = 0; i < r->bundle.object_count; i++)
		if (!sha256_of(r->bundle.objects[i], r->digests[i], err))
			return false;
	return true;
}

static bool mark(struct redacting *r, const uint8_t digest[SHA256_LEN])
{
	bool found = false;
	for (size_t i = 0; i < r->bundle.object_count; i++)
		if (memcmp(r->digests[i], digest, SHA256_LEN) == 0)
			found = r->gone[i] = true;
	return found;
}

/* "approvals" is every "approval-N"; anything else the input of just that name. */
static bool names(const char *what, const char *input)
{
	size_t len = strlen(what);
	if (strcmp(what, "approvals") == 0 || strcmp(what, "statements") == 0)
		return strncmp(input, what, len - 1) == 0 && input[len - 1] == '-';
	return strcmp(what, input) == 0;
}

/* Parts of the evidence have no digest of their own in the record. */
static bool inside_evidence(const char *what)
{
	static const char *const parts[] = {
		"firmware-log", "ima-log", "runtime-log", "systemd-log"};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (strcmp(what, parts[i]) == 0)
			return true;
	return false;
}

static bool withhold(struct redacting *r, const char *what)
{
	const struct record *record = &r->report.record;
	struct err *err = &r->cli->err;
	uint8_t digest[SHA256_LEN];
	bool found = false;
	if (inside_evidence(what))
		return err_set(err, ERR_USAGE,
			"--withhold %s: it lies inside the evidence, which has one digest: "
			"withhold evidence",
			what);
	if (hex_decode_exact(bytes_str(what), digest, SHA256_LEN, NULL))
		found = mark(r, digest);
	for (size_t i = 0; i < record->input_count; i++)
		if (names(what, record->inputs[i].name) && mark(r, record->inputs[i].digest))
			found = true;
	return found || err_set(err, ERR_USAGE, "--withhold %s: the file holds no such object",
				ESC(bytes_str(what)));
}

static int digest_order(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

/* What is withheld moves from the objects to the list; the chain's records have inputs of the same kinds,
 * and go with it. */
static bool copy_make(struct redacting *r)
{
	struct audit_bundle *b = &r->bundle;
	size_t kept = 0;
	buf_put(&r->withheld, b->withheld);
	for (size_t i = 0; i < b->object_count; i++)
		if (r->gone[i])
			buf_put(&r->withheld, BYTES_OF(r->digests[i]));
		else
			b->objects[kept++] = b->objects[i];
	b->object_count = kept;
	if (!buf_ok(&r->withheld, &r->cli->err))
		return false;
	qsort(r->withheld.data, r->withheld.len / SHA256_LEN, SHA256_LEN, digest_order);
	b->withheld = buf_bytes(&r->withheld);
	b->chain = (struct bytes){0};
	return audit_bundle_encode(b, &r->out, &r->cli->err);
}

static enum status run(struct cli *cli)
{
	OWNED(redacting_free) struct redacting *r = calloc(1, sizeof(*r));
	const struct option_value *what = option_all(cli, "withhold");
	const char *out = NULL, *first = NULL;
	if (!r) {
		(void)err_set(&cli->err, ERR_NOMEM, "record redact");
		return cli_fail(cli);
	}
	r->cli = cli;
	if (!option_required(cli, "withhold", &first) || !option_required(cli, "out", &out) ||
		!bundle_read(r))
		return cli_fail(cli);
	for (size_t i = 0; what && i < what->count; i++)
		if (!withhold(r, what->values[i]))
			return cli_fail(cli);
	if (!copy_make(r) || !cli_write(out, buf_bytes(&r->out), false, &cli->err))
		return cli_fail(cli);
	int withheld = (int)(r->withheld.len / SHA256_LEN);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:i,s:i}", "withheld", withheld, "objects",
				(int)r->bundle.object_count),
			STATUS_DONE);
	(void)fprintf(stderr,
		"%d objects withheld, %zu kept; assay audit says what rests on them, and exits "
		"with 3\n",
		withheld, r->bundle.object_count);
	return STATUS_DONE;
}

const struct command cmd_record_redact = {
	.group = "record",
	.name = "redact",
	.synopsis = "FILE --withhold WHAT … --out FILE",
	.summary = "Copies an audit file without objects that its reader is not to see.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
