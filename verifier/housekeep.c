/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/housekeep.h"

#include "verifier/retention.h"

static bool expire_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct app *app = arg;
	int64_t now = 0;
	return retention_now(app->retention, tx->sql, &now, err) && rows_expire(tx->sql, now, err);
}

bool housekeep(struct app *app, struct err *err)
{
	return store_run(app->store, expire_work, app, err);
}
