/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gate_vsa.h"

#include "base/time.h"
#include "crypto/dsse.h"
#include "policy/vsa.h"

#define VSA_URI_MAX 512u

bool gate_vsa_ready(struct cli *cli)
{
	bool wanted = option(cli, "vsa") != NULL;
	if (wanted != (option(cli, "vsa-key") != NULL) ||
		wanted != (option(cli, "vsa-verifier") != NULL))
		return err_set(
			&cli->err, ERR_USAGE, "--vsa, --vsa-key and --vsa-verifier go together");
	return wanted || !option(cli, "vsa-resource") ||
	       err_set(&cli->err, ERR_USAGE, "--vsa-resource goes with --vsa");
}

/* What was judged here. A verifier judges by what it has, which is more than it sends: then none is
 * named, since a list must be whole. */
static size_t inputs_of(const struct release_bundle *bundle, struct bytes ret[VSA_INPUTS_MAX])
{
	size_t n = 0;
	ret[n++] = buf_bytes(&bundle->envelope);
	for (size_t i = 0; i < bundle->statement_count; i++)
		ret[n++] = buf_bytes(&bundle->statements[i]);
	for (size_t i = 0; i < bundle->approval_count; i++)
		ret[n++] = buf_bytes(&bundle->approvals[i]);
	return n;
}
static_assert(1 + STATEMENTS_MAX + APPROVALS_MAX <= VSA_INPUTS_MAX, "all that a gate is given");

bool gate_vsa_write(struct cli *cli, const struct release_bundle *bundle, const json_t *answer,
	const uint8_t *policy, bool open)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(key_unref) struct key *key = NULL;
	OWNED(buf_release) struct buf statement = {0}, envelope = {0};
	struct bytes inputs[VSA_INPUTS_MAX];
	char release[2 * SHA256_LEN + 1], digest[2 * SHA256_LEN + 1];
	char resource[VSA_URI_MAX], policy_uri[VSA_URI_MAX] = "urn:assay:policy-in-force";
	const char *environment = option(cli, "env");
	hex_encode(BYTES_OF(bundle->release->digest), release);
	(void)snprintf(resource, sizeof(resource), "urn:assay:release:%s:%s", release, environment);
	if (policy) {
		hex_encode(bytes_of(policy, SHA256_LEN), digest);
		(void)snprintf(policy_uri, sizeof(policy_uri), "urn:sha256:%s", digest);
	}
	if (!dsse_parse(buf_bytes(&bundle->envelope), &dsse, &cli->err))
		return false;
	const struct vsa vsa = {
		.verifier_id = option(cli, "vsa-verifier"),
		.resource_uri = option_or(cli, "vsa-resource", resource),
		.policy_uri = policy_uri,
		.policy_digest = policy,
		.risk_class = json_string_value(json_object_get(answer, "risk_class")),
		.passed = open,
		.time = clock_wall(&clock_system),
		.release = buf_bytes(&dsse->payload),
		.input_count = policy ? inputs_of(bundle, inputs) : 0,
		.inputs = inputs,
	};
	if (!vsa.risk_class)
		return err_set(&cli->err, ERR_FORMAT, "--vsa: the answer names no risk class");
	return (vsa_statement(&vsa, &statement, &cli->err) &&
		       key_from_uri(option(cli, "vsa-key"), &key, &cli->err) &&
		       dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, &envelope,
			       &cli->err) &&
		       cli_write(option(cli, "vsa"), buf_bytes(&envelope), false, &cli->err)) ||
	       err_wrap(&cli->err, "--vsa");
}
