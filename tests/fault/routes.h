/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every route, with the k-th of its calls failing. Asserted of each: the process lives; the answer is the honest one, or says
 * that nothing was decided, or there is none; what it changed is there as a whole (and on the disk), or not at all; no error
 * carries a credential; the ledger's root is that of its leaves; the next request is served; memory and descriptors are what
 * they were once the verifier has been closed.
 *
 * By default some of the k of each route; ASSAY_LONG=1: every one. ASSAY_ROUTE=TEXT: routes whose pattern contains it.
 */
#ifndef ASSAY_TESTS_FAULT_ROUTES_H
#define ASSAY_TESTS_FAULT_ROUTES_H

#include <dirent.h>
#include <malloc.h>
#include <sys/time.h>

#include "tests/fault/routes_print.h"
#include "tests/fault/routes_table.h"

/* What one program lets fail. The kinds: ways in which it does. */
struct faults {
	size_t kinds, samples; /* of the k of a route, for each kind, in the short form */
	void (*arm)(size_t kind, size_t at);
	size_t (*disarm)(void); /* how many failed */
	size_t (*seen)(void); /* how many there were */
	bool conflicts; /* some kinds are told as a conflict */
	bool restarts; /* each time the verifier is started again over the files as they are */
	bool handshake; /* armed before the client connects; one route is enough then */
};

static struct {
	const struct faults *faults;
	const struct recipe *recipe;
	size_t kind, at, runs, routes;
	struct print honest_before, honest_after;
	struct https_answer honest; /* the body that it says without a fault */
} run;

__attribute__((format(printf, 1, 2), noreturn)) static inline void wrong(const char *format, ...)
{
	char text[600];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fail_msg("%s %s, kind %zu, call %zu: %s", run.recipe->method == HTTP_GET ? "GET" : "POST",
		run.recipe->pattern, run.kind, run.at, text);
	abort();
}

/* ---- a request as the recipe says ---- */

static inline void fill_in(const char *text, struct buf *out)
{
	const struct {
		const char *name, *value;
	} names[] = {{"{host}", made.hex_host}, {"{instance}", made.instance},
		{"{record}", made.hex_record}, {"{release}", made.hex_release},
		{"{newer}", made.hex_newer}, {"{staged}", made.hex_staged},
		{"{object}", made.hex_object}, {"{incident}", made.incident}, {"{ca}", made.hex_ca},
		{"{elevation}", made.elevation}, {"{hold}", made.hold}, {"{size}", made.size},
		{"{entry}", made.entry}, {"{ocsp}", made.ocsp}, {"{job}", made.job}};
	while (*text) {
		size_t i = 0;
		while (i < ARRAY_LEN(names) &&
			strncmp(text, names[i].name, strlen(names[i].name)) != 0)
			i++;
		buf_put_str(out, i < ARRAY_LEN(names) ? names[i].value : (char[]){*text, 0});
		text += i < ARRAY_LEN(names) ? strlen(names[i].name) : 1;
	}
	assert_non_null(buf_str(out));
}

static inline const struct world_operator *caller_of(enum caller who)
{
	const struct world_operator *const all[] = {[ANYONE] = NULL,
		[ADMIN] = &w.admin,
		[CI] = &w.ci,
		[AUDITOR] = &w.auditor,
		[HOST] = &made.host,
		[AGENT] = &made.agent,
		[CLUSTER] = &made.cluster};
	return all[who];
}

static inline const struct route *route_of(const struct recipe *r)
{
	for (size_t i = 0; i < app_route_count(); i++)
		if (app_routes[i].method == r->method &&
			strcmp(app_routes[i].pattern, r->pattern) == 0)
			return &app_routes[i];
	fail_msg("%s is in no table", r->pattern);
	return NULL;
}

static inline bool connect_as(struct https *c, enum caller who)
{
	const struct world_operator *as = caller_of(who);
	struct timeval limit = {.tv_sec = 40};
	bool ok = https_open(c, w.port, w.ca, as ? as->cert : NULL, as ? as->key : NULL);
	if (c->fd > 0)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return ok;
}

static inline bool nothing_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)tx;
	(void)arg;
	(void)err;
	return true;
}

/* Nothing is under way any more: a request whose connection broke goes on without it. */
static inline void settle(void)
{
	struct workers_state state = {.running = 1};
	for (int i = 0; state.running + state.queued + app_busy(w.app) > 0; i++) {
		if (i == 2000)
			wrong("a request does not end");
		if (i > 0)
			(void)usleep(5000);
		workers_look(w.app->workers, &state);
	}
}

/* And what they left to the writer is done. */
static inline size_t settle_and_disarm(void)
{
	settle();
	size_t failed = run.faults->disarm();
	for (int i = 0; i < 2; i++) {
		struct err err = {0};
		(void)(store_run(w.app->store, nothing_work, NULL, &err) || err.code == ERR_NONE);
		settle();
	}
	return failed;
}

/* Prints are of before and after the request alone, not of what was needed to make it. */
static inline size_t request_once(
	struct https_answer *ret, struct print *before, struct print *after, size_t kind, size_t at)
{
	const struct recipe *r = run.recipe;
	struct buf path = {0}, body = {0};
	struct https c = {0};
	if (r->before)
		r->before();
	if (!run.faults->handshake && !connect_as(&c, r->who))
		wrong("no connection");
	fill_in(r->path ? r->path : r->pattern, &path);
	if (r->build)
		r->build(&c, &body);
	else if (r->body)
		fill_in(r->body, &body);
	print_take(before);
	run.faults->arm(kind, at);
	*ret = (struct https_answer){0};
	if (!run.faults->handshake || connect_as(&c, r->who))
		*ret = https_request(&c, r->method == HTTP_GET ? "GET" : "POST", buf_str(&path),
			r->method == HTTP_POST ? route_of(r)->content_type : NULL,
			buf_bytes(&body));
	size_t failed = settle_and_disarm();
	https_close(&c);
	print_take(after);
	buf_release(&path);
	buf_release(&body);
	return failed;
}

/* ---- what is asserted ---- */

/* A store whose commit came to nobody knows what looks again before it says it is ready. */
static inline void assert_ledger(void)
{
	for (int i = 0; !store_ready(w.app->store); i++) {
		if (i == 2000)
			wrong("the store does not come back");
		(void)usleep(5000);
	}
	print_ledger();
}

static inline bool says_undecided(int status)
{
	return status == 0 || status == 429 || status == 500 || status == 503 ||
	       (run.faults->conflicts && status == 409);
}

static inline void assert_bare(const struct https_answer *answer)
{
	static const char *const never[] = {"-----BEGIN", "eyJ"};
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (answer->body.len > 0 &&
			memmem(answer->body.data, answer->body.len, never[i], strlen(never[i])))
			wrong("status %d, and a credential beside it", answer->status);
}

static inline void assert_answer(const struct https_answer *answer, size_t failed)
{
	const struct recipe *r = run.recipe;
	if (answer->status != run.honest.status) {
		if (!says_undecided(answer->status) || failed == 0)
			wrong("status %d (%zu failed): %.*s", answer->status, failed,
				(int)answer->body.len, (const char *)answer->body.data);
		assert_bare(answer);
		return;
	}
	if (r->check)
		r->check(answer);
	if (answer->body.len == 0)
		wrong("yes, and nothing");
	if (r->method == HTTP_GET && !r->varies &&
		!bytes_equal(buf_bytes(&answer->body), buf_bytes(&run.honest.body)))
		wrong("yes, and not what it says without a fault: %.300s instead of %.300s",
			(const char *)answer->body.data, (const char *)run.honest.body.data);
}

static inline void assert_served(void)
{
	struct https_answer a =
		world_call(&w, &w.auditor, "GET", "/v1/whoami", NULL, (struct bytes){0});
	if (a.status != 200)
		wrong("the next request: %d %.*s", a.status, (int)a.body.len,
			(const char *)a.body.data);
	buf_release(&a.body);
}

/* Whether it changed anything; as a whole, then, and for good. */
static inline bool assert_whole(
	const struct https_answer *answer, const struct print *before, const struct print *after)
{
	char text[400];
	struct print later;
	bool changed = !print_same(before, after);
	if (changed && answer->status != run.honest.status &&
		print_changed_alone(before, after, run.recipe->burns))
		return true;
	if (changed &&
		!print_same_change(before, after, &run.honest_before, &run.honest_after, text))
		wrong("status %d, only %s of it is there: %s", answer->status,
			print_first(before, after), text);
	if (answer->status == run.honest.status &&
		!print_same_change(before, after, &run.honest_before, &run.honest_after, text))
		wrong("status %d, and it is not there: %s", answer->status, text);
	if (!changed)
		return false;
	app_close(&w.app);
	print_take(&later);
	if (!print_same(after, &later))
		wrong("status %d, and once it is closed there is another %s", answer->status,
			print_first(after, &later));
	return true;
}

/* Over its own files, and beside what it published; what it holds is what it held. */
static inline void assert_starts(const struct print *was)
{
	struct print is;
	app_close(&w.app);
	if (!world_open(&w))
		wrong("does not start again: %s", w.err.text);
	print_take(&is);
	if (!print_same(was, &is))
		wrong("another %s after a new start", print_first(was, &is));
	print_ledger();
}

/* ---- leaks ---- */

struct held {
	size_t memory, descriptors;
};

/* Of a verifier that is closed. Its threads are gone, and with them what OpenSSL keeps for each. */
static inline struct held held_now(void)
{
	struct held held = {0};
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		held.descriptors++;
	(void)closedir(dir);
#ifndef __SANITIZE_ADDRESS__
	held.memory = mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
	return held;
}

/* Arenas of threads that ended, the error texts and method tables that OpenSSL and SQLite made at a first use. */
#define HELD_TOLERANCE (96u << 10)

static inline void assert_held(const struct held *was)
{
	struct held is = held_now();
	if (is.descriptors != was->descriptors)
		wrong("%zu descriptors, %zu before", is.descriptors, was->descriptors);
	if (is.memory > was->memory + HELD_TOLERANCE)
		wrong("%zu bytes of memory more than before", is.memory - was->memory);
}

/* ---- a route ---- */

static inline size_t stride_of(size_t calls)
{
	const char *how = getenv("ASSAY_LONG");
	if (how && how[0])
		return 1;
#ifdef ASSAY_SANITIZED
	size_t n = 1; /* each takes several times as long there */
#else
	size_t n = run.faults->samples;
#endif
	return calls <= n ? 1 : (calls + n - 1) / n;
}

static inline void fault_at(size_t kind, size_t at)
{
	struct https_answer answer = {0};
	struct print before, after;
	run.kind = kind;
	run.at = at;
	size_t failed = request_once(&answer, &before, &after, kind, at);
	run.runs++;
	assert_answer(&answer, failed);
	assert_ledger();
	assert_served();
	bool changed = assert_whole(&answer, &before, &after);
	if (run.faults->restarts)
		assert_starts(&after);
	if (changed)
		world_back("route.db");
	buf_release(&answer.body);
}

/* Two honest ones: the calls are counted in the second, when everything has been made that is made once. */
static inline size_t honest(size_t kind)
{
	const struct recipe *r = run.recipe;
	run.kind = kind;
	run.at = SIZE_MAX;
	for (int i = 0; i < 2; i++) {
		buf_release(&run.honest.body);
		(void)request_once(
			&run.honest, &run.honest_before, &run.honest_after, kind, SIZE_MAX);
		if (run.honest.status != (r->status ? r->status : 200))
			wrong("status %d: %.*s", run.honest.status, (int)run.honest.body.len,
				(const char *)run.honest.body.data);
		if (r->method == HTTP_GET && !print_same(&run.honest_before, &run.honest_after))
			wrong("a question that changes something");
		if (!print_same(&run.honest_before, &run.honest_after))
			world_back("route.db");
	}
	return run.faults->seen();
}

static inline void route_run(const struct recipe *r)
{
	run.recipe = r;
	world_back("base.db");
	if (r->prepare)
		r->prepare();
	world_keep("route.db");
	world_back("route.db");
	struct held held = {0};
	for (size_t kind = 0; kind < run.faults->kinds; kind++) {
		size_t calls = honest(kind), stride = stride_of(calls);
		if (kind == 0) {
			world_keep("route.db");
			held = held_now();
			world_back("route.db");
		}
		for (size_t at = (run.routes + kind) % stride; at < calls; at += stride)
			fault_at(kind, at);
	}
	app_close(&w.app);
	assert_held(&held);
	buf_release(&run.honest.body);
	run.routes++;
}

/* Where a request takes several times as long, each third route, each kind of fault beginning with another; all elsewhere. */
static inline bool is_sampled(size_t at)
{
#ifdef ASSAY_SANITIZED
	const char *how = getenv("ASSAY_LONG"), *only = getenv("ASSAY_ROUTE");
	return how || only || (at + run.faults->samples) % 3 == 0;
#else
	(void)at;
	return true;
#endif
}

static inline void object_find(void)
{
	sqlite3 *db = print_open();
	sqlite3_stmt *q = print_query(db, "SELECT lower(hex(digest)) FROM objects LIMIT 1");
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	(void)snprintf(made.hex_object, sizeof(made.hex_object), "%s",
		(const char *)sqlite3_column_text(q, 0));
	(void)sqlite3_finalize(q);
	(void)sqlite3_close(db);
}

static inline void assert_all_have_recipes(void)
{
	for (size_t i = 0; i < app_route_count(); i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(recipes) && route_of(&recipes[k]) != &app_routes[i])
			k++;
		if (k == ARRAY_LEN(recipes))
			fail_msg("%s %s: say in routes_table.h how it is used",
				app_routes[i].method == HTTP_GET ? "GET" : "POST",
				app_routes[i].pattern);
	}
	assert_int_equal(ARRAY_LEN(recipes), app_route_count());
}

static inline void routes_run(const struct faults *faults, const struct sql_ops *sql,
	struct random *random, bool changing)
{
	const char *only = getenv("ASSAY_ROUTE");
	assert_all_have_recipes();
	world_of_routes(sql, random);
	object_find();
	world_keep("base.db");
	run.faults = faults;
	run.runs = run.routes = 0;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++)
		if ((!changing || recipes[i].method == HTTP_POST) &&
			(!faults->handshake || strstr(recipes[i].pattern, "whoami")) &&
			(faults->handshake || is_sampled(i)) &&
			(!only || strstr(recipes[i].pattern, only)))
			route_run(&recipes[i]);
	print_message("%zu routes, %zu requests with a fault\n", run.routes, run.runs);
	assert_true(run.runs > 0);
	world_of_routes_end();
}

#endif
