/* SPDX-License-Identifier: Apache-2.0 */
/* When an instance is appraised in full again: asked for, then demanded. Both count renewals, refused
 * ones too, so that nothing but a full appraisal puts it off. */
#include "verifier/decide.h"

#define FULL_GRACE_PART 8u /* an eighth: whoever was asked has so long to send it */

static uint64_t renewals_since(uint64_t full_counter, uint64_t counter)
{
	return counter > full_counter ? counter - full_counter : 0;
}

bool full_due(const struct app *app, const uint8_t instance[INSTANCE_ID_LEN], uint64_t full_counter,
	uint64_t counter)
{
	uint64_t phase = (uint64_t)instance[0] << 8 | instance[1];
	unsigned every = app->config.full_appraisal_every;
	return every > 0 && ((counter + phase) % every == 0 ||
				    renewals_since(full_counter, counter) + 1 >= every);
}

uint64_t full_overdue(const struct app *app, uint64_t full_counter, uint64_t counter)
{
	uint64_t every = app->config.full_appraisal_every;
	uint64_t since = renewals_since(full_counter, counter);
	return every > 0 && since >= every + every / FULL_GRACE_PART ? since : 0;
}

uint64_t decide_full_counter(const struct decision *d, uint64_t counter)
{
	return d->verdict.full ? counter : d->instance.full_counter;
}
