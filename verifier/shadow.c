/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/shadow.h"

#include "base/text.h"
#include "base/thread.h"
#include "verifier/app_policy.h"
#include "verifier/clock_step.h"
#include "verifier/shadow_judge.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* As of the workers (workers.c). */
#ifdef ASSAY_SANITIZED
#define SHADOW_STACK (4u << 20)
#else
#define SHADOW_STACK (512u << 10)
#endif
#define LOOK_AGAIN_S 1
#define TURN_S       10
#define LOWEST       19
#define SETTLED_MS   600000u

enum job_state { JOB_NONE = 0, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_ENDED };
static const char *const job_state_names[] = {
	[JOB_NONE] = "none",
	[JOB_RUNNING] = "running",
	[JOB_DONE] = "done",
	[JOB_FAILED] = "failed",
	[JOB_ENDED] = "ended",
};

struct job {
	uint64_t id;
	enum job_state state;
	struct policy_ref *policy; /* while it runs */
	uint8_t digest[SHA256_LEN];
	int64_t version, since;
	char by[ROW_URI_MAX];
	uint64_t asked_ms; /* when whoever began it last asked after it */
	uint64_t next, end; /* ledger indices */
	bool placed; /* next and end are known */
	int64_t judged;
	struct shadow_tally tally;
	struct err err;
};

struct shadow {
	struct app *app;
	pthread_t thread;
	bool started;
	struct err said; /* the thread's: the failure logged last */
	struct clock_seen clocks; /* likewise: when it looked last */
	bool stepped; /* the clock was set ahead, and when */
	uint64_t stepped_ms;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	bool closing, poked;
	struct job job;
	uint64_t
		turned_away_ms; /* when another than whoever began the job last wanted one; 0: nobody */
};

/* ---- the staged policy ---- */

struct following {
	struct policy_row row;
	uint64_t from;
	struct shadow_tally tally;
	struct difference_row groups[SHADOW_PAGE_MAX + 1];
};

static bool add_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct following *f = arg;
	return differences_add(tx->sql, &f->row, f->from, f->groups, f->tally.group_count, err);
}

static bool row_read(
	struct app *app, int64_t seq, struct policy_row *ret, bool *ret_same, struct err *err)
{
	struct sql *sql = NULL;
	bool found = false;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = policy_row_staged(sql, ret, &found, err);
	store_read_done(app->store, &sql);
	*ret_same = found && ret->seq == seq;
	return ok;
}

/* One page of the decisions since; *ret_more: there may be another. */
static bool follow(struct shadow *s, bool *ret_more, struct err *err)
{
	struct app *app = s->app;
	struct following f = {.tally = {.group_max = SHADOW_PAGE_MAX}};
	int64_t seq = 0;
	bool same = false;
	size_t n = 0;
	*ret_more = false;
	OWNED(policy_ref_drop) struct policy_ref *policy = app_staged(app, &seq);
	if (!policy)
		return true;
	if (!row_read(app, seq, &f.row, &same, err) || !same)
		return !same;
	f.tally.groups = f.groups;
	f.from = f.row.judged_to;
	if (!shadow_page(app, policy->policy, &f.row.judged_to, UINT64_MAX, &f.tally, &n, err))
		return false;
	if (n == 0)
		return true;
	f.row.same += f.tally.same;
	f.row.changed += f.tally.changed;
	f.row.undecided += f.tally.undecided;
	f.row.unreadable += f.tally.unreadable;
	*ret_more = n == SHADOW_PAGE_MAX;
	/* Withdrawn or put in force meanwhile: then its counts are no longer wanted. */
	return store_run(app->store, add_work, &f, err) || (err && err->code == ERR_CONFLICT);
}

/* ---- a job ---- */

/* What the thread has of it for one page: the job may end meanwhile, and another begin. */
struct turn {
	uint64_t id;
	struct policy_ref *policy; /* a reference of its own; NULL: none runs */
	int64_t since;
	uint64_t next, end;
	bool placed;
};

static void turn_release(struct turn *turn)
{
	policy_ref_drop(&turn->policy);
}

static void turn_take(struct shadow *s, struct turn *ret)
{
	struct job *job = &s->job;
	(void)pthread_mutex_lock(&s->lock);
	*ret = (struct turn){.id = job->id,
		.policy = job->policy,
		.since = job->since,
		.next = job->next,
		.end = job->end,
		.placed = job->placed};
	if (ret->policy)
		(void)atomic_fetch_add(&ret->policy->count, 1);
	(void)pthread_mutex_unlock(&s->lock);
}

/* The lock is held, as below. */
static bool is_running(const struct shadow *s, uint64_t id)
{
	return s->job.id == id && s->job.state == JOB_RUNNING;
}

static bool turn_place(struct shadow *s, struct turn *turn, struct err *err)
{
	struct app *app = s->app;
	struct store_tree tree;
	struct sql *sql = NULL;
	store_tree(app->store, &tree);
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = records_since(sql, turn->since, &turn->next, err);
	store_read_done(app->store, &sql);
	turn->end = tree.size;
	return ok;
}

static void job_end(struct shadow *s, uint64_t id, enum job_state state, const struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = NULL;
	(void)pthread_mutex_lock(&s->lock);
	if (is_running(s, id)) {
		s->job.state = state;
		s->job.err = *err;
		policy = TAKE(s->job.policy);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

static void counts_add(struct shadow_tally *to, const struct shadow_tally *from)
{
	to->same += from->same;
	to->changed += from->changed;
	to->undecided += from->undecided;
	to->unreadable += from->unreadable;
	for (size_t i = 0; i < from->group_count; i++)
		for (int64_t k = 0; k < from->groups[i].count; k++)
			shadow_tally_add(to, &from->groups[i]);
}

/* One page of it. */
static bool turn_page(struct shadow *s, struct turn *turn, size_t *ret_count, struct err *err)
{
	struct difference_row groups[SHADOW_PAGE_MAX + 1];
	struct shadow_tally page = {.group_max = SHADOW_PAGE_MAX, .groups = groups};
	memset(groups, 0, sizeof(groups));
	if (!shadow_page(
		    s->app, turn->policy->policy, &turn->next, turn->end, &page, ret_count, err))
		return false;
	(void)pthread_mutex_lock(&s->lock);
	if (is_running(s, turn->id)) {
		s->job.placed = true;
		s->job.next = turn->next;
		s->job.end = turn->end;
		s->job.judged += (int64_t)*ret_count;
		counts_add(&s->job.tally, &page);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return true;
}

/* True: there is more to do. */
static bool job_step(struct shadow *s)
{
	OWNED(turn_release) struct turn turn = {0};
	struct err err = {0};
	size_t n = 0;
	turn_take(s, &turn);
	if (!turn.policy)
		return false;
	if ((!turn.placed && !turn_place(s, &turn, &err)) || !turn_page(s, &turn, &n, &err)) {
		job_end(s, turn.id, JOB_FAILED, &err);
		return false;
	}
	if (n == 0)
		job_end(s, turn.id, JOB_DONE, &err);
	return n > 0;
}

/* ---- whose job it is ---- */

/* Nobody has the place for longer than he asks after it, nor twice in a row while others wait. */
static bool may_begin(struct shadow *s, const char *by, uint64_t now, struct err *err)
{
	const struct job *job = &s->job;
	bool own = strcmp(job->by, by) == 0;
	if (job->state == JOB_RUNNING && now - job->asked_ms < SHADOW_ASKED_MS) {
		if (!own)
			s->turned_away_ms = now;
		return err_set(err, ERR_BUSY,
			"a policy is being judged already: job %llu, begun by %s",
			(unsigned long long)job->id, job->by);
	}
	return !own || s->turned_away_ms == 0 || now - s->turned_away_ms >= SHADOW_ASKED_MS ||
	       err_set(err, ERR_BUSY, "another was turned away for your job: it is their turn");
}

static void job_begin(struct shadow *s, struct policy_ref *policy, int64_t since, const char *by,
	struct difference_row *groups)
{
	uint64_t id = s->job.id + 1;
	free(s->job.tally.groups);
	s->job = (struct job){.id = id,
		.state = JOB_RUNNING,
		.policy = policy,
		.version = policy->policy->version,
		.since = since,
		.asked_ms = clock_monotonic_ms(s->app->clock),
		.tally = {.group_max = SHADOW_GROUPS_MAX, .groups = groups}};
	memcpy(s->job.digest, policy->policy->digest, SHA256_LEN);
	(void)snprintf(s->job.by, sizeof(s->job.by), "%s", by);
	s->turned_away_ms = 0;
	s->poked = true;
	(void)pthread_cond_signal(&s->wake);
}

bool shadow_start(struct shadow *s, struct policy_ref **policy, int64_t since, const char *by,
	uint64_t *ret_job, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *left = NULL;
	struct difference_row *groups = calloc(SHADOW_GROUPS_MAX + 1, sizeof(*groups));
	if (!groups)
		return err_set(err, ERR_NOMEM, "shadow mode");
	(void)pthread_mutex_lock(&s->lock);
	bool ok = may_begin(s, by, clock_monotonic_ms(s->app->clock), err);
	if (ok) {
		left = TAKE(s->job.policy);
		job_begin(s, TAKE(*policy), since, by, TAKE(groups));
		*ret_job = s->job.id;
	}
	(void)pthread_mutex_unlock(&s->lock);
	free(groups);
	return ok;
}

bool shadow_look(struct shadow *s, uint64_t id, struct shadow_job *ret, struct err *err)
{
	(void)pthread_mutex_lock(&s->lock);
	bool running = is_running(s, id);
	if (running) {
		*ret = (struct shadow_job){.version = s->job.version};
		memcpy(ret->digest, s->job.digest, SHA256_LEN);
		(void)snprintf(ret->by, sizeof(ret->by), "%s", s->job.by);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return running ||
	       err_set(err, ERR_CONFLICT, "job %llu does not run", (unsigned long long)id);
}

void shadow_end(struct shadow *s, uint64_t id, const char *by, const char *reason)
{
	struct err err = {0};
	(void)err_set(&err, ERR_GONE, "ended by %s: %s", by, reason);
	job_end(s, id, JOB_ENDED, &err);
}

json_t *difference_json(const struct difference_row *row)
{
	char host[2 * HOST_ID_LEN + 1], record[2 * SHA256_LEN + 1], last[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->host), host);
	hex_encode(BYTES_OF(row->record), record);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "workload", row->workload,
		"host", host, "before", row->before ? "trusted" : "untrusted", "after",
		row->after ? "trusted" : "untrusted", "reason", row->reason, "count",
		(json_int_t)row->count, "last", time_json(row->last, last), "record", record);
}

static json_t *job_json(const struct job *job)
{
	char digest[2 * SHA256_LEN + 1], since[TIME_TEXT_MAX];
	const struct shadow_tally *t = &job->tally;
	hex_encode(BYTES_OF(job->digest), digest);
	json_t *groups = json_array();
	for (size_t i = 0; groups && i < t->group_count; i++)
		if (json_array_append_new(groups, difference_json(&t->groups[i])) != 0) {
			json_decref(groups);
			return NULL;
		}
	return json_pack("{s:I, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "job",
		(json_int_t)job->id, "state", job_state_names[job->state], "policy", digest,
		"version", (json_int_t)job->version, "since", time_json(job->since, since), "by",
		job->by, "judged", (json_int_t)job->judged, "same", (json_int_t)t->same, "changed",
		(json_int_t)t->changed, "undecided", (json_int_t)t->undecided, "unreadable",
		(json_int_t)t->unreadable, "error", job->err.text, "differences", groups);
}

bool shadow_report(struct shadow *s, const char *who, json_t **ret, struct err *err)
{
	(void)pthread_mutex_lock(&s->lock);
	bool none = s->job.state == JOB_NONE;
	if (strcmp(s->job.by, who) == 0)
		s->job.asked_ms = clock_monotonic_ms(s->app->clock);
	*ret = none ? NULL : job_json(&s->job);
	(void)pthread_mutex_unlock(&s->lock);
	if (none)
		return err_set(err, ERR_NOT_FOUND, "no policy has been judged since the start");
	return *ret || err_set(err, ERR_NOMEM, "answer");
}

/* ---- the thread ---- */

/* Whether there is something that time brings: what is staged has a time that comes, and another
 * verifier may have staged something. */
static bool looks_again(struct shadow *s)
{
	int64_t seq = 0;
	OWNED(policy_ref_drop) struct policy_ref *staged = app_staged(s->app, &seq);
	return staged || store_is_shared(s->app->store);
}

/* Until there may be something to do; false: closing. */
static bool await(struct shadow *s, bool at_once)
{
	bool again = looks_again(s);
	struct timespec deadline = clock_deadline(LOOK_AGAIN_S * 1000);
	(void)pthread_mutex_lock(&s->lock);
	int waited = 0;
	while (!at_once && !s->poked && !s->closing && waited == 0)
		waited = again ? pthread_cond_timedwait(&s->wake, &s->lock, &deadline)
			       : pthread_cond_wait(&s->wake, &s->lock);
	s->poked = false;
	bool open = !s->closing;
	(void)pthread_mutex_unlock(&s->lock);
	return open;
}

/* Once: what fails now will be tried again every second. */
static void log_failure(struct shadow *s, const char *event, const struct err *err)
{
	if (strcmp(s->said.text, err->text) == 0)
		return;
	s->said = *err;
	log_event(&s->app->log, LOG_LEVEL_WARNING, event, {"error", bytes_str(err->text)});
}

/* Of several verifiers one looks after what is staged; twice would do no harm. */
static bool is_our_turn(struct shadow *s)
{
	int64_t seq = 0;
	bool mine = false;
	struct err err = {0};
	OWNED(policy_ref_drop) struct policy_ref *staged = app_staged(s->app, &seq);
	if (!staged)
		return false;
	if (!store_turn(s->app->store, "staged policy", TURN_S, &mine, &err))
		log_failure(s, "shadow-failed", &err);
	return mine;
}

/* What comes into force by itself, and is never taken back, does not for a clock that is set ahead for a moment: *ret_now is the
 * time that this was asked of, and no later one counts. */
static bool clock_is_settled(struct shadow *s, int64_t *ret_now)
{
	if (clock_step(s->app->clock, &s->clocks) > CLOCK_STEP_SECONDS) {
		s->stepped = true;
		s->stepped_ms = s->clocks.ms;
	}
	*ret_now = s->clocks.wall;
	s->stepped = s->stepped && s->clocks.ms - s->stepped_ms < SETTLED_MS;
	return !s->stepped;
}

static void *shadow_main(void *arg)
{
	struct shadow *s = arg;
	bool more = false;
	/* On Linux this is the thread's own priority. */
	(void)setpriority(PRIO_PROCESS, 0, LOWEST);
	while (await(s, more)) {
		struct err err = {0};
		bool due = false, followed = false;
		int64_t now = 0;
		bool settled = clock_is_settled(s, &now);
		bool mine = is_our_turn(s);
		if (mine && settled && !app_policy_due(s->app, now, &due, &err))
			log_failure(s, "policy-activation-failed", &err);
		err = (struct err){0};
		if (mine && !follow(s, &followed, &err))
			log_failure(s, "shadow-failed", &err);
		more = job_step(s) || followed;
	}
	return NULL;
}

void shadow_wake(struct shadow *s)
{
	/* Nothing is judged then, and every decision asks. What another verifier stages the thread finds by itself. */
	if (!app_staged_known(s->app))
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->poked = true;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
}

static bool locks_init(struct shadow *s)
{
	return thread_wake_init(&s->wake, NULL) && pthread_mutex_init(&s->lock, NULL) == 0;
}

bool shadow_new(struct app *app, struct shadow **ret, struct err *err)
{
	OWNED(shadow_free) struct shadow *s = calloc(1, sizeof(*s));
	if (!s || !locks_init(s)) {
		free(TAKE(s));
		return err_set(err, ERR_NOMEM, "shadow mode");
	}
	s->app = app;
	s->clocks = clock_look(app->clock);
	s->started = thread_start(&s->thread, "shadow", SHADOW_STACK, shadow_main, s, err);
	if (!s->started)
		return false;
	*ret = TAKE(s);
	return true;
}

void shadow_stop(struct shadow *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->closing = true;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->started)
		(void)pthread_join(s->thread, NULL);
	s->started = false;
}

void shadow_free(struct shadow **shadow)
{
	struct shadow *s = *shadow;
	if (!s)
		return;
	policy_ref_drop(&s->job.policy);
	free(s->job.tally.groups);
	(void)pthread_cond_destroy(&s->wake);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*shadow = NULL;
}
