/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's TPM went through since it was last accepted, inside the job that commits the decision. */
#include "verifier/decide.h"

#include "verifier/leases.h"

static unsigned steps_of(const struct decision *d, struct tpm_sighting *ret)
{
	const struct host_row *h = &d->host;
	struct tpm_sighting before = {.time = h->seen,
		.reset_count = h->reset_count,
		.restart_count = h->restart_count,
		.clock = h->clock,
		.firmware_version = h->firmware_version,
		.epoch = h->epoch};
	int64_t since = d->context.now - d->challenge.issued;
	*ret = (struct tpm_sighting){.time = d->context.now,
		.reset_count = d->attest.reset_count,
		.restart_count = d->attest.restart_count,
		.clock = d->attest.clock,
		.safe = d->attest.safe,
		.firmware_version = d->attest.firmware_version,
		.epoch = h->epoch};
	memcpy(before.boot_id, h->boot_id, sizeof(before.boot_id));
	memcpy(ret->boot_id, d->claims.boot_id, sizeof(ret->boot_id));
	/* As long as the challenge was out, quotes could overtake each other. */
	return h->seen ? tpm_steps(&before, ret, since < 0 ? 1000 : (uint64_t)(since + 1) * 1000)
		       : 0;
}

/* A step, or the first look. What a refused quote shows counts only where it speaks against the TPM:
 * of a reboot the next trusted one tells. */
bool decide_put_sighting(struct decision *d, struct store_tx *tx, struct err *err)
{
	static const unsigned against =
		TPM_STEP_CLEAR | TPM_STEP_ROLLBACK | TPM_STEP_FORK | TPM_STEP_FIRMWARE_OLD;
	struct sighting_row row = {.accepted = d->verdict.trusted};
	row.steps = steps_of(d, &row.seen);
	bool put = row.accepted ? row.steps != 0 || !d->host.seen : (row.steps & against) != 0;
	return !put || sighting_add(tx->sql, d->host.id, &row, err);
}

/* One TPM whose state lives twice, on a challenge that was made after its counters were last
 * accepted: the challenge's tree size says which came first, whatever the wall clocks did. */
bool decide_is_fork(const struct decision *d)
{
	struct tpm_sighting now;
	return d->challenge.tree_size > d->host.seen_index && d->host.state == HOST_ACTIVE &&
	       (steps_of(d, &now) & TPM_STEP_FORK) != 0;
}
