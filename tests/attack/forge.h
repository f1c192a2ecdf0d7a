/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes with one thing changed before they are signed, encoded or sent. */
#ifndef ASSAY_TESTS_ATTACK_FORGE_H
#define ASSAY_TESTS_ATTACK_FORGE_H

#include "tests/attack/attack.h"

/* One attack on the quote of a launch. */
struct forgery {
	const char *what, *wanted;
	struct sw_edit edit;
};

static inline void forge(const struct forgery *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sw_instance *instance = attack_instance(attack.host);
		char outcome[400];
		attack.host->edit = cases[i].edit;
		(void)attack_outcome(attack.host, instance, outcome);
		attack.host->edit = (struct sw_edit){0};
		if (strcmp(outcome, cases[i].wanted) != 0)
			fail_msg("%s: %s, wanted %s", cases[i].what, outcome, cases[i].wanted);
		sw_instance_free(&instance);
	}
	attack_honest(attack.host);
}

#endif
