/* SPDX-License-Identifier: Apache-2.0 */
/* What a rollout leaves in force, and what it says of a release where no host is known. */
#include "verifier/rollouts.h"

#include "base/text.h"

const uint8_t *rollout_in_force(const struct rollout_row *row)
{
	return row->state == ROLLOUT_PROMOTED ? row->release_new : row->release_old;
}

static bool last_of_release(struct call *call, const uint8_t release[SHA256_LEN],
	struct rollout_row *ret, bool *ret_found, struct err *err)
{
	OWNED(release_row_release) struct release_row row = {0};
	struct sql *sql = NULL;
	*ret_found = false;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = release_get(sql, release, &row, ret_found, err) &&
		  (!*ret_found || rollout_last(sql, bytes_str(row.workload), ret, ret_found, err));
	store_read_done(call->app->store, &sql);
	return ok;
}

bool rollout_admits(struct call *call, const uint8_t release[SHA256_LEN], bool *ret_admits,
	char why[RELEASE_WHY_MAX], struct err *err)
{
	struct rollout_row row = {0};
	bool found = false;
	*ret_admits = false;
	if (!last_of_release(call, release, &row, &found, err))
		return false;
	const struct rollout_view view = found ? rollout_view_of(&row) : (struct rollout_view){0};
	/* Place 0 is in every canary: whether this host is, its own launch says. */
	enum rollout_answer answer =
		rollout_judge(&view, 0, release, false, clock_wall(call->app->clock));
	*ret_admits = answer == ROLLOUT_ADMIT || answer == ROLLOUT_ADMIT_CANARY;
	if (!*ret_admits) {
		char hex[2 * SHA256_LEN + 1];
		hex_encode(bytes_of(release, SHA256_LEN), hex);
		(void)snprintf(why, RELEASE_WHY_MAX,
			"release %s: the rollout of workload %s is %s and does not admit it", hex,
			row.workload, rollout_state_name(row.state));
	}
	return true;
}
