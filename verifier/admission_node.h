/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a node of a cluster is trusted now: an operator said which host it is (the attribute
 * kubernetes-node), that host is active, and an agent on it was trusted not long ago, has not been
 * refused since, and holds a credential that is good now. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_ADMISSION_NODE_H
#define ASSAY_VERIFIER_ADMISSION_NODE_H

#include "verifier/attributes.h"

#define ADMISSION_WHY_MAX 1024u

/* node NULL: none is chosen yet. why: what stands against it, or, admitted, what was not judged;
 * empty when it was judged and holds. */
must_use bool admission_node_judge(struct call *call, const char *node,
	const struct config_namespace *ns, bool *ret_admitted, char why[ADMISSION_WHY_MAX],
	struct err *err);

#endif
