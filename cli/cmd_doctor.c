/* SPDX-License-Identifier: Apache-2.0 */
/* assay doctor: what this host has and lacks for attestation; needs no daemon. */
#include "cli/commands.h"

#include "attest/doctor.h"
#include "base/time.h"

static const struct option_spec options[] = {
	{"tcti", "NAME", OPTION_VALUE, "how to reach the TPM (default device:/dev/tpmrm0)"},
	{"owner-auth-file", "FILE", OPTION_VALUE, "owner password"},
	{"endorsement-auth-file", "FILE", OPTION_VALUE, "endorsement password"},
	{"components", "DIR", OPTION_VALUE, "where agents' files lie (default /)"},
	OPTIONS_END,
};

static bool auth_of(struct cli *cli, const char *name, struct buf *ret)
{
	const char *file = option(cli, name);
	if (!file || file_read(file, 256, ret, &cli->err)) {
		while (ret->len && ret->data[ret->len - 1] == '\n')
			ret->len--;
		return true;
	}
	return err_wrap(&cli->err, "--%s", name);
}

static enum status run(struct cli *cli)
{
	OWNED(buf_release) struct buf owner = {0}, endorsement = {0}, text = {0};
	if (!auth_of(cli, "owner-auth-file", &owner) ||
		!auth_of(cli, "endorsement-auth-file", &endorsement))
		return cli_fail(cli);
	struct doctor_options how = {
		.tcti = option(cli, "tcti"),
		.owner_auth = buf_bytes(&owner),
		.endorsement_auth = buf_bytes(&endorsement),
		.components_dir = option(cli, "components"),
		.now = clock_wall(&clock_system),
	};
	struct doctor_report report = {0};
	doctor_examine(&how, &report);
	bool ok = cli->json ? doctor_json(&report, &text, &cli->err)
			    : doctor_text(&report, cli->colour, &text, &cli->err);
	if (!ok)
		return cli_fail(cli);
	(void)fwrite(text.data, 1, text.len, stdout);
	return doctor_worst(&report) == DOCTOR_MISSING ? STATUS_REFUSED : STATUS_DONE;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.synopsis = "[--tcti NAME]",
	.summary = "What this host has and lacks, and what to do about it.",
	.options = options,
	.run = run,
};
