/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/decide.h"

#include "base/text.h"

/* A refusal of our own, about a challenge that nothing else was judged by. */
static void refuse(
	struct decision *d, enum reason_code code, const char *expected, const char *actual)
{
	d->outcome = DECIDE_UNRECORDED;
	verdict_refuse(&d->verdict, code, "challenge", expected, actual, NULL, NULL);
	verdict_conclude(&d->verdict);
}

bool decide_open(struct decision *d, struct err *err)
{
	enum challenge_fault fault;
	if (!evidence_decode(http_body(d->call->exchange), &d->evidence, err) ||
		!claims_decode(d->evidence.claims, &d->claims, err))
		return false;
	if (!challenge_open(&d->app->token_key, d->app->clock, d->evidence.challenge, &d->challenge,
		    &fault, err))
		return false;
	if (fault == CHALLENGE_FORGED)
		refuse(d, REASON_CHALLENGE_UNKNOWN, "one that this verifier made", "another");
	else if (fault == CHALLENGE_LATE)
		refuse(d, REASON_CHALLENGE_EXPIRED, "evidence within the challenge's lifetime",
			"it came later");
	else if (memcmp(d->challenge.host_id, d->call->who.host, HOST_ID_LEN) != 0)
		refuse(d, REASON_CHALLENGE_OTHER, "a challenge for the host that sends it",
			"another host's");
	return true;
}

/* Depends on nothing that is read. */
static bool load_host(struct decision *d, struct sql *sql, bool *ret_known, struct err *err)
{
	const uint8_t *host = d->challenge.host_id, *instance = d->challenge.instance;
	/* The row first: whoever says something new of the host moves its version. */
	return host_get(sql, host, &d->host, ret_known, err) &&
	       attributes_get(sql, host, &d->attributes, err) &&
	       instance_get(sql, host, instance, &d->instance, &d->instance_known, err) &&
	       counter_get(sql, host, instance, d->challenge.purpose, &d->counter, err) &&
	       rollout_instances_watched(sql, host, d->watched, &d->watched_count, err);
}

static bool load_elevations(struct decision *d, struct sql *sql, struct err *err)
{
	return elevations_load(sql, d->claims.workload, d->challenge.host_id, d->challenge.instance,
		&d->elevations, err);
}

static bool load_rows(struct decision *d, struct sql *sql, struct err *err)
{
	bool host_known = false;
	if (!load_host(d, sql, &host_known, err))
		return false;
	if (!host_known)
		return err_set(err, ERR_DENIED, "this host is not enrolled");
	if (d->common_kept)
		return true;
	if (!decide_common_load(
		    d->app->commons, sql, d->claims.workload, d->claims.release, &d->common, err))
		return false;
	/* After the workload's row, whose version vouches for them. */
	return !d->common->workload_known || load_elevations(d, sql, err);
}

/* All that load will read. */
static bool ask(struct decision *d, struct sql *sql, struct err *err)
{
	struct store_tree tree;
	uint8_t policy[SHA256_LEN];
	bool host_known = false;
	if (!sql_ask(sql))
		return true;
	/* None of them has a row yet, and these two mind. */
	bool early = store_tree_of(d->app->store, sql, &tree, NULL) ||
		     policy_in_force_get(sql, policy, NULL);
	bool named = text_is_name(d->claims.workload);
	bool ok = load_host(d, sql, &host_known, err) &&
		  (d->common_kept || !named ||
			  (decide_common_ask(sql, d->claims.workload, d->claims.release, err) &&
				  load_elevations(d, sql, err)));
	sql_ask_end(sql);
	return ok && (!early || err_set(err, ERR_INTERNAL, "an answer before it was waited for"));
}

static bool load(struct decision *d, struct sql *sql, struct store_tree *ret_tree, struct err *err)
{
	/* The tree first: the rows read afterwards are at least as new as it says. */
	if (!ask(d, sql, err) || !store_tree_of(d->app->store, sql, ret_tree, err))
		return false;
	d->policy = app_policy_of(d->app, sql);
	return load_rows(d, sql, err);
}

/* What is due in the workload by the clock is done first. Of what is kept nothing ever is. */
static bool settle(struct decision *d, struct err *err)
{
	if (!text_is_name(d->claims.workload))
		return true;
	/* Another attempt: something was out of date. */
	const struct decide_common *kept = d->attempt > 1
						   ? NULL
						   : decide_common_kept(d->app->commons,
							     d->claims.workload, d->claims.release);
	if (kept) {
		d->common = kept;
		d->common_kept = true;
		return true;
	}
	return rollout_settle(d->call, d->claims.workload, err) &&
	       elevations_settle(d->app, d->claims.workload, err);
}

static void fill_context(struct decision *d, uint64_t tree_size)
{
	const struct host_row *host = &d->host;
	struct policy_context *c = &d->context;
	*c = (struct policy_context){
		.now = clock_wall(d->app->clock),
		.verifier_id = bytes_str(d->app->config.verifier_id),
		.policy = d->policy->policy,
		.host = {.state = host->state,
			.epoch = host->epoch,
			.ek_public = buf_bytes(&host->ek_public),
			.ak_public = buf_bytes(&host->ak_public),
			.ek_certs = buf_bytes(&host->ek_certs),
			.enrolled = host->enrolled,
			.attributes = d->attributes.views,
			.attribute_count = d->attributes.count,
			.seen = host->seen != 0,
			.reset_count = host->reset_count,
			.restart_count = host->restart_count,
			.clock = host->clock,
			.firmware_version = host->firmware_version},
		.challenge = d->challenge,
		.workload = {.name = bytes_str(d->common->workload.name),
			.state = d->common->workload.state,
			.risk_class = bytes_str(d->common->workload.risk_class),
			.environment = bytes_str(d->common->workload.environment),
			.reviewed = d->common->workload.reviewed,
			.review_next = d->common->workload.review_next,
			.third_parties = workload_third_parties(&d->common->workload)},
		.release_state = d->common->release.state,
		.release = buf_bytes(&d->common->release.envelope),
		.approvals = d->common->approval_views,
		.approval_count = d->common->approval_count,
		.statements = d->common->statement_views,
		.statement_count = d->common->statement_count,
		.ledger_index = tree_size,
		.elevations = buf_bytes(&d->elevations),
	};
	if (d->instance_known && d->challenge.purpose == PURPOSE_RENEW &&
		d->instance.lease <= c->now)
		c->lease = d->instance.lease;
	if (d->instance_known && d->challenge.purpose == PURPOSE_RENEW)
		c->full_ago = full_overdue(d->app, d->instance.full_counter, d->challenge.counter);
	floors_context(&d->common->floors, &c->floor, &c->security_floor);
	if (d->common->rollout_known)
		c->rollout = rollout_view_of(&d->common->rollout);
	memcpy(c->host.id, host->id, sizeof(c->host.id));
	memcpy(c->exporter, http_exporter(d->call->exchange), sizeof(c->exporter));
}

bool decide_load(struct decision *d, struct err *err)
{
	struct store_tree tree;
	struct sql *sql = NULL;
	if (!settle(d, err))
		return false;
	if (!store_read_snapshot(d->app->store, &sql, err))
		return false;
	bool ok = load(d, sql, &tree, err);
	store_read_done(d->app->store, &sql);
	if (!ok)
		return err_wrap(err, "loading the context");
	if (d->instance_known && !bytes_equal_str(d->claims.workload, d->instance.workload)) {
		char name[160];
		return err_set(err, ERR_CONFLICT, "this instance is of workload %s, not %s",
			d->instance.workload, text_escape(d->claims.workload, name, sizeof(name)));
	}
	if (d->counter != d->challenge.counter) {
		refuse(d, REASON_CHALLENGE_USED, "a challenge not used before",
			"one that has been used");
		return true;
	}
	if (d->instance_known)
		d->state_in = d->instance.policy_state;
	fill_context(d, tree.size);
	return true;
}
