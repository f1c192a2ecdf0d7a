/* SPDX-License-Identifier: Apache-2.0 */
/* Every route, with the k-th asking for randomness failing: see routes.h. */
#include "tests/fault/routes.h"

static struct {
	struct random base;
	atomic_bool armed;
	size_t at;
	atomic_size_t seen, failed;
} chance;

static bool chance_fill(struct random *random, uint8_t *out, size_t len, struct err *err)
{
	(void)random;
	if (chance.armed && atomic_fetch_add(&chance.seen, 1) == chance.at) {
		chance.failed++;
		return err_set(err, ERR_CRYPTO, "random: out of order");
	}
	return random_fill(&random_system, out, len, err);
}
static const struct random_ops chance_ops = {.fill = chance_fill};

static void arm(size_t kind, size_t at)
{
	(void)kind;
	chance.at = at;
	chance.seen = chance.failed = 0;
	chance.armed = true;
}

static size_t disarm(void)
{
	chance.armed = false;
	return chance.failed;
}

static size_t seen(void)
{
	return chance.seen;
}

static void S12__every_route_without_randomness__nothing_decided_or_whole(void **state)
{
	static const struct faults faults = {
		.kinds = 1, .samples = 32, .arm = arm, .disarm = disarm, .seen = seen};
	(void)state;
	chance.base.ops = &chance_ops;
	routes_run(&faults, NULL, &chance.base, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__every_route_without_randomness__nothing_decided_or_whole),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
