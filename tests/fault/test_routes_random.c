/* SPDX-License-Identifier: Apache-2.0 */
/* Every route, with the k-th asking for randomness failing: see routes.h. */
#include "tests/fault/routes.h"
#include "tests/fault/told.h"

static struct random chance;

static bool chance_fill(struct random *random, uint8_t *out, size_t len, struct err *err)
{
	(void)random;
	if (told.armed && atomic_fetch_add(&told.seen, 1) == told.at) {
		told.failed++;
		return err_set(err, ERR_CRYPTO, "random: out of order");
	}
	return random_fill(&random_system, out, len, err);
}
static const struct random_ops chance_ops = {.fill = chance_fill};

static void S12__every_route_without_randomness__nothing_decided_or_whole(void **state)
{
	static const struct faults faults = {.kinds = 1,
		.samples = 32,
		.arm = told_arm,
		.disarm = told_disarm,
		.seen = told_seen};
	(void)state;
	chance.ops = &chance_ops;
	routes_run(&faults, NULL, &chance, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__every_route_without_randomness__nothing_decided_or_whole),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
