/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/admission_node.h"

#include "base/text.h"

/* What the store says of a node. */
struct node {
	bool known;
	uint8_t host[HOST_ID_LEN];
	enum host_state state;
	int64_t trusted; /* when an agent on it was last trusted whose credential is good now; 0: none */
};

/* What ends trust ends credentials: a refusal, an exit, a quarantine, a workload retired, a release
 * revoked. So who holds one that is good now was trusted when it was last renewed, and still is. */
static bool last_trusted(struct sql *sql, const uint8_t host[HOST_ID_LEN], const char *class,
	int64_t now, int64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT coalesce(max(renewed), 0) FROM instances AS i JOIN workloads AS w ON"
		    " w.name=i.workload WHERE i.host=?1 AND i.lease>?3 AND (w.risk_class=?2 OR ?2 "
		    "IS"
		    " NULL) AND"
		    " EXISTS(SELECT 1 FROM credentials AS c WHERE c.host=i.host AND"
		    " c.instance=i.instance AND c.revoked=0 AND c.not_after>?3)",
		    SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN)),
			    class ? sql_t(bytes_str(class)) : sql_null(), sql_i(now)),
		    &q, err))
		return false;
	*ret = q ? sql_int(q, 0) : 0;
	return true;
}

static bool node_find(
	struct call *call, const char *name, const char *class, struct node *ret, struct err *err)
{
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = attributes_host(sql, HOST_KUBERNETES_NODE, name, ret->host, &ret->known, err);
	if (ok && ret->known)
		ok = host_gate(sql, ret->host, &ret->state, err) &&
		     last_trusted(sql, ret->host, class, clock_wall(call->app->clock),
			     &ret->trusted, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

/* Clocks that were set back make no host fresh. */
static bool is_fresh(int64_t trusted, int64_t now, int64_t age)
{
	return trusted > 0 && (trusted > now ? trusted - now : now - trusted) <= age;
}

static bool judge_known(struct call *call, const char *name, const struct node *node,
	const struct config_namespace *ns, char why[ADMISSION_WHY_MAX])
{
	int64_t age = call->app->config.admission_node_age;
	char host[17], time[TIME_TEXT_MAX];
	(void)text_short_hex(BYTES_OF(node->host), host);
	if (node->state != HOST_ACTIVE)
		(void)snprintf(why, ADMISSION_WHY_MAX, "node %s: its host %s is %s",
			ESC(bytes_str(name)), host, host_state_name(node->state));
	else if (node->trusted == 0)
		(void)snprintf(why, ADMISSION_WHY_MAX,
			"node %s: no agent%s%s on its host %s is trusted now", ESC(bytes_str(name)),
			ns->node_class ? " of risk class " : "",
			ns->node_class ? ns->node_class : "", host);
	else if (!is_fresh(node->trusted, clock_wall(call->app->clock), age))
		(void)snprintf(why, ADMISSION_WHY_MAX,
			"node %s: its host %s was last trusted at %s, more than %lld s ago",
			ESC(bytes_str(name)), host, time_format(node->trusted, time),
			(long long)age);
	else
		return true;
	return false;
}

/* Nothing is pretended of a node that nobody has chosen: either the cluster asks again when it binds
 * the Pod, or, where nodes must be trusted, the Pod does not start. */
static bool judge_unbound(const struct config *config, char why[ADMISSION_WHY_MAX])
{
	if (config->admission_bindings == BINDINGS_REVIEWED) {
		(void)snprintf(why, ADMISSION_WHY_MAX,
			"the Pod is on no node yet: its node is judged when it is bound");
		return true;
	}
	if (config->admission_nodes == NODES_WHEN_KNOWN) {
		(void)snprintf(why, ADMISSION_WHY_MAX,
			"the Pod is on no node yet: its node is not judged");
		return true;
	}
	(void)snprintf(why, ADMISSION_WHY_MAX,
		"the Pod is on no node yet, and nobody would judge the one it gets: send the "
		"reviews of pods/binding here too and say admission_bindings: reviewed");
	return false;
}

bool admission_node_judge(struct call *call, const char *node, const struct config_namespace *ns,
	bool *ret_admitted, char why[ADMISSION_WHY_MAX], struct err *err)
{
	const struct config *config = &call->app->config;
	struct node found = {0};
	*ret_admitted = false;
	if (!node) {
		*ret_admitted = judge_unbound(config, why);
		return true;
	}
	if (!node_find(call, node, ns->node_class, &found, err))
		return false;
	if (found.known) {
		*ret_admitted = judge_known(call, node, &found, ns, why);
		return true;
	}
	*ret_admitted = config->admission_nodes == NODES_WHEN_KNOWN;
	(void)snprintf(why, ADMISSION_WHY_MAX,
		*ret_admitted ? "node %s is no host here: it is not judged"
			      : "node %s: no host here is said to be it (kubernetes-node)",
		ESC(bytes_str(node)));
	return true;
}
