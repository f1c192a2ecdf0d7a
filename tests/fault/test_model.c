/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random steps of enrolling, launching, renewing, revoking, rebooting, cloning and killing, played on a real verifier and on
 * the reference of model.h at once; the first difference is named with the seed and the steps that led there.
 *
 * ASSAY_LONG=1 plays a million steps, ASSAY_STEPS=N so many; ASSAY_SEED=N those of one seed: the same steps, though not the
 * same moments.
 */
#include "tests/fault/model.h"
#include "tests/fault/model_lists.h"

#include <pthread.h>

#define HOSTS       4u
#define WORKLOADS   3u
#define INSTANCES   3u /* of a host */
#define STEPS       1500u
#define STEPS_LONG  1000000u
#define SAID_MAX    64u /* steps that are told when something differs */
#define CLOCK_APART 3600000u /* ms: more than quotes under way at the same time may be */
#define LOOK_EVERY  200u /* steps; then the list of revoked certificates is compared, too */
#define LOG_MOST    300u /* records; then the host reboots, so that evidence stays small */

struct real_host {
	struct sw_host *host;
	struct sw_instance *instances[INSTANCES];
	size_t newest
		[INSTANCES]; /* number of its newest certificate (model_lists.h), while it is trusted; 0: none */
	struct buf answers; /* record ids, 32 bytes each, of what was acknowledged */
};
static struct {
	struct model_host hosts[HOSTS];
	struct model_instance instances[HOSTS][INSTANCES];
	struct model_workload workloads[WORKLOADS];
	struct real_host real[HOSTS];
	struct sw_workload real_workloads[WORKLOADS];
	char names[WORKLOADS][24];
	unsigned made; /* workloads so far */
	int policy;
	uint64_t seed, state;
	size_t step;
	char said[SAID_MAX][160];
	uint8_t last_record[SHA256_LEN]; /* acknowledged */
	bool any_record;
} m;

/* ---- chance, and what is told ---- */

static uint64_t chance(uint64_t below)
{
	m.state ^= m.state << 13;
	m.state ^= m.state >> 7;
	m.state ^= m.state << 17;
	return m.state % below;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(m.said[m.step % SAID_MAX], sizeof(m.said[0]), format, args);
	va_end(args);
}

static void differs(const char *what, const char *wanted, const char *found)
{
	for (size_t i = m.step < SAID_MAX ? 0 : m.step - SAID_MAX + 1; i <= m.step; i++)
		print_message("%6zu  %s\n", i, m.said[i % SAID_MAX]);
	fail_msg("seed %llu, step %zu: %s: wanted %s, found %s", (unsigned long long)m.seed, m.step,
		what, wanted, found);
}

/* ---- what both are made of ---- */

static void workload_make(size_t w)
{
	(void)snprintf(m.names[w], sizeof(m.names[w]), "agent-%u", m.made);
	m.real_workloads[w] =
		(struct sw_workload){.name = m.names[w], .seed = (uint8_t)(1 + m.made % 200)};
	m.made++;
	assert_ok(
		verifierd_publish(&attack.v, &m.real_workloads[w], "low", &attack.err), attack.err);
	m.workloads[w] = (struct model_workload){.there = true};
}

static void instance_drop(size_t h, size_t i)
{
	sw_instance_free(&m.real[h].instances[i]);
	m.real[h].newest[i] = 0;
	m.instances[h][i] = (struct model_instance){0};
}

static void host_drop(size_t h)
{
	for (size_t i = 0; i < INSTANCES; i++)
		instance_drop(h, i);
	sw_host_free(&m.real[h].host);
	m.hosts[h] = (struct model_host){0};
}

static void host_post(size_t h, const char *tail, int wanted)
{
	char path[160];
	assert_ok(verifierd_json(&attack.v, attack_host_path(m.real[h].host, tail, path),
			  "{\"reason\":\"chance\"}", wanted, NULL, &attack.err),
		attack.err);
}

/* ---- attesting ---- */

struct outcome {
	bool trusted, verdict;
	char text[400];
};

/* As hostd does: evidence that was only late, or not whole, is sent once more. */
static void attest(struct sw_host *host, struct sw_instance *instance, struct outcome *ret)
{
	*ret = (struct outcome){0};
	(void)attack_outcome(host, instance, ret->text);
	if (strncmp(ret->text, "untrusted", 9) == 0 && instance->result.again)
		(void)attack_outcome(host, instance, ret->text);
	ret->trusted = strcmp(ret->text, "trusted") == 0;
	ret->verdict = strncmp(ret->text, "error", 5) != 0;
	if (!ret->verdict)
		buf_clear(&instance->challenge); /* whether it was used is not known */
}

static void ended_host(size_t h)
{
	lists_host_ended(m.real[h].host->id);
	memset(m.real[h].newest, 0, sizeof(m.real[h].newest));
}

static void ended_workload(size_t w)
{
	lists_workload_ended(m.names[w]);
	for (size_t h = 0; h < HOSTS; h++)
		for (size_t i = 0; i < INSTANCES; i++)
			if (m.instances[h][i].workload == w)
				m.real[h].newest[i] = 0;
}

/* Whatever else than trust came of it, what the instance had may be ended. */
static void issued(size_t h, size_t i, bool trusted)
{
	const struct sw_instance *instance = m.real[h].instances[i];
	m.real[h].newest[i] = trusted ? lists_issued(m.real[h].host->id, instance->workload->name,
						&instance->result)
				      : 0;
}

static void acknowledged(const struct sw_instance *instance)
{
	memcpy(m.last_record, instance->result.record, sizeof(m.last_record));
	m.any_record = true;
}

static void compare(size_t h, size_t i, const struct outcome *found)
{
	const struct model_instance *instance = &m.instances[h][i];
	bool wanted = model_may_trust(&m.hosts[h], &m.workloads[instance->workload], instance);
	if (wanted != found->trusted)
		print_message("host: state %d, boot %u; instance: boot %u; workload %zu: "
			      "retired %d, revoked %d\n",
			(int)m.hosts[h].state, m.hosts[h].boot, instance->boot, instance->workload,
			(int)m.workloads[instance->workload].retired,
			(int)m.workloads[instance->workload].revoked);
	if (wanted != found->trusted)
		differs(m.said[m.step % SAID_MAX], wanted ? "trusted" : "no trust", found->text);
	size_t n = strlen(m.said[m.step % SAID_MAX]);
	(void)snprintf(
		m.said[m.step % SAID_MAX] + n, sizeof(m.said[0]) - n, ": %.60s", found->text);
	if (found->verdict)
		acknowledged(m.real[h].instances[i]);
	if (found->trusted)
		m.hosts[h].seen = MODEL_SEEN;
	issued(h, i, found->trusted);
}

/* ---- the steps ---- */

static void step_enroll(size_t h, size_t i)
{
	(void)i;
	if (m.hosts[h].state != MODEL_NO_HOST && m.hosts[h].state != MODEL_RETIRED) {
		say("host %zu is there", h);
		return;
	}
	say("enrol host %zu", h);
	host_drop(h);
	m.real[h].host = attack_host();
	m.hosts[h].state = MODEL_ACTIVE;
}

static void step_launch(size_t h, size_t i)
{
	struct outcome found;
	size_t w = chance(WORKLOADS);
	if (!m.real[h].host)
		return say("no host %zu", h);
	say("launch workload %zu as instance %zu of host %zu", w, i, h);
	instance_drop(h, i);
	if (!m.workloads[w].there)
		workload_make(w);
	assert_ok(sw_instance_new(m.real[h].host, &m.real_workloads[w], &m.real[h].instances[i],
			  &attack.err),
		attack.err);
	m.real[h].instances[i]->want_x509 = true;
	m.instances[h][i] =
		(struct model_instance){.there = true, .boot = m.hosts[h].boot, .workload = w};
	attest(m.real[h].host, m.real[h].instances[i], &found);
	compare(h, i, &found);
}

static void step_renew(size_t h, size_t i)
{
	struct outcome found;
	if (!m.real[h].instances[i])
		return say("no instance %zu of host %zu", i, h);
	say("renew instance %zu of host %zu", i, h);
	attest(m.real[h].host, m.real[h].instances[i], &found);
	compare(h, i, &found);
}

/* The challenge that a trusted answer brought is used, and then used again. */
static void step_replay(size_t h, size_t i)
{
	struct sw_instance *instance = m.real[h].instances[i];
	struct buf kept = {0};
	struct outcome found;
	if (!instance || instance->challenge.len == 0)
		return say("nothing to replay");
	say("replay the challenge of instance %zu of host %zu", i, h);
	buf_put(&kept, buf_bytes(&instance->challenge));
	uint64_t first = instance->first;
	attest(m.real[h].host, instance, &found);
	compare(h, i, &found);
	if (found.trusted) {
		buf_clear(&instance->challenge);
		buf_put(&instance->challenge, buf_bytes(&kept));
		instance->first = first;
		(void)attack_outcome(m.real[h].host, instance, found.text);
		if (strcmp(found.text, "trusted") == 0)
			differs("a challenge used twice", "refused", found.text);
		m.real[h].newest[i] = 0;
		buf_clear(&instance->challenge);
	}
	buf_release(&kept);
}

static void step_reboot(size_t h, size_t i)
{
	(void)i;
	if (!m.real[h].host)
		return say("no host %zu", h);
	say("reboot host %zu", h);
	sw_host_reboot(m.real[h].host);
	m.hosts[h].boot++;
	m.hosts[h].seen = MODEL_NOT_SEEN;
	memset(m.real[h].newest, 0, sizeof(m.real[h].newest));
}

static void step_quarantine(size_t h, size_t i)
{
	(void)i;
	if (m.hosts[h].state != MODEL_ACTIVE)
		return say("host %zu is not active", h);
	say("quarantine host %zu", h);
	host_post(h, "/quarantine", 200);
	m.hosts[h].state = MODEL_QUARANTINED;
	ended_host(h);
}

static void step_confirm(size_t h, size_t i)
{
	(void)i;
	if (m.hosts[h].state != MODEL_QUARANTINED)
		return say("host %zu is not in quarantine", h);
	say("confirm host %zu", h);
	host_post(h, "/confirm", 200);
	m.hosts[h].state = MODEL_ACTIVE;
	/* Its certificate was revoked: it asks for another, with the keys that it had. */
	assert_ok(sw_host_enroll(m.real[h].host, NULL, &attack.err), attack.err);
}

static void step_retire(size_t h, size_t i)
{
	(void)i;
	if (m.hosts[h].state != MODEL_ACTIVE && m.hosts[h].state != MODEL_QUARANTINED)
		return say("host %zu is not there", h);
	say("retire host %zu", h);
	host_post(h, "/retire", 200);
	m.hosts[h].state = MODEL_RETIRED;
	ended_host(h);
}

static void post(const char *what, const char *name, const char *verb)
{
	char path[160];
	(void)snprintf(path, sizeof(path), "/v1/%s/%s/%s", what, name, verb);
	assert_ok(
		verifierd_json(&attack.v, path, "{\"reason\":\"chance\"}", 200, NULL, &attack.err),
		attack.err);
}

/* Instances of it may still ask; what takes its place is another. */
static void workload_replaced(size_t w)
{
	for (size_t h = 0; h < HOSTS; h++)
		for (size_t i = 0; i < INSTANCES; i++)
			if (m.instances[h][i].workload == w && m.real[h].instances[i])
				instance_drop(h, i);
	m.workloads[w].there = false;
}

static void step_end_workload(size_t h, size_t i)
{
	char hex[2 * SHA256_LEN + 1];
	size_t w = chance(WORKLOADS);
	(void)h;
	(void)i;
	if (!m.workloads[w].there || m.workloads[w].retired || m.workloads[w].revoked) {
		say("workload %zu is replaced", w);
		workload_replaced(w);
		return;
	}
	if (chance(2)) {
		say("retire workload %zu", w);
		post("workloads", m.names[w], "retire");
		m.workloads[w].retired = true;
		ended_workload(w);
		return;
	}
	say("revoke the release of workload %zu", w);
	hex_encode(BYTES_OF(m.real_workloads[w].release), hex);
	post("releases", hex, "revoke");
	m.workloads[w].revoked = true;
	ended_workload(w);
}

/* A copy of the TPM's state: the original goes on, and then the copy speaks. */
static void step_clone(size_t h, size_t i)
{
	struct sw_host *twin = NULL;
	struct sw_instance *copy = NULL;
	struct outcome found;
	if (m.hosts[h].state != MODEL_ACTIVE || !m.real[h].instances[i] ||
		!model_may_trust(
			&m.hosts[h], &m.workloads[m.instances[h][i].workload], &m.instances[h][i]))
		return say("nothing to clone");
	say("clone host %zu", h);
	assert_ok(sw_host_twin(m.real[h].host, &twin, &attack.err), attack.err);
	m.real[h].host->clock += CLOCK_APART;
	attest(m.real[h].host, m.real[h].instances[i], &found);
	compare(h, i, &found);
	assert_ok(sw_instance_new(twin, m.real[h].instances[i]->workload, &copy, &attack.err),
		attack.err);
	attest(twin, copy, &found);
	if (found.trusted)
		differs("a clone", "refused", found.text);
	m.hosts[h].state = MODEL_QUARANTINED;
	ended_host(h);
	sw_instance_free(&copy);
	sw_host_free(&twin);
	step_renew(h, i);
}

static bool is_quarantined(size_t h)
{
	char path[160];
	char *state = attack_get(attack_host_path(m.real[h].host, "", path), "state");
	bool is = strcmp(state, "\"quarantined\"") == 0;
	free(state);
	return is;
}

/* The TPM says fewer resets than it has had. That is more than a refusal only where the verifier has trusted a quote of this
 * boot: of a count that nobody vouched for it knows nothing, and the log that tells of it may be anybody's. */
static void step_roll_back(size_t h, size_t i)
{
	struct outcome found;
	struct sw_instance *copy = NULL;
	if (m.hosts[h].state != MODEL_ACTIVE || m.real[h].host->reset_count < 2 ||
		!model_may_trust(
			&m.hosts[h], &m.workloads[m.instances[h][i].workload], &m.instances[h][i]))
		return say("nothing to roll back");
	say("roll host %zu back", h);
	m.real[h].host->reset_count--;
	assert_ok(sw_instance_new(
			  m.real[h].host, m.real[h].instances[i]->workload, &copy, &attack.err),
		attack.err);
	attest(m.real[h].host, copy, &found);
	if (found.trusted)
		differs("a TPM that went back", "refused", found.text);
	bool ended = is_quarantined(h);
	/* Its clock went on: it lives twice. */
	if (m.hosts[h].seen != MODEL_PERHAPS_SEEN && ended != (m.hosts[h].seen == MODEL_SEEN))
		differs("the host of a TPM that went back",
			m.hosts[h].seen == MODEL_SEEN ? "quarantined" : "active", found.text);
	if (ended) {
		m.hosts[h].state = MODEL_QUARANTINED;
		ended_host(h);
	}
	m.real[h].host->reset_count++;
	sw_instance_free(&copy);
}

static void step_policy(size_t h, size_t i)
{
	(void)h;
	(void)i;
	say("policy %d", m.policy + 1);
	attack_policy(++m.policy, "");
}

/* ---- two at once ---- */

struct racer {
	struct sw_host *host;
	struct sw_instance *instance;
	struct outcome found;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct err err = {0};
	bool ok = sw_host_attest(r->host, r->instance, &err);
	r->found.verdict = ok;
	r->found.trusted = ok && r->instance->result.trusted;
	(void)snprintf(r->found.text, sizeof(r->found.text), "%.300s", ok ? "an answer" : err.text);
	return NULL;
}

static void raced(size_t h, size_t i, const struct racer *r)
{
	if (!r->found.trusted) /* whether its challenge was used is not known */
		buf_clear(&m.real[h].instances[i]->challenge);
	if (r->found.verdict)
		acknowledged(r->instance);
	if (r->found.trusted)
		m.hosts[h].seen = MODEL_SEEN;
	else if (!r->found.verdict && m.hosts[h].seen == MODEL_NOT_SEEN)
		m.hosts[h].seen = MODEL_PERHAPS_SEEN;
	issued(h, i, r->found.trusted);
}

/* Either was first; but when the revocation has answered, nothing is trusted any more. */
static void step_race(size_t h, size_t i)
{
	struct racer r = {.host = m.real[h].host, .instance = m.real[h].instances[i]};
	pthread_t thread = 0;
	if (m.hosts[h].state != MODEL_ACTIVE || !r.instance)
		return say("nothing to race");
	bool might = model_may_trust(
		&m.hosts[h], &m.workloads[m.instances[h][i].workload], &m.instances[h][i]);
	say("quarantine host %zu while instance %zu renews", h, i);
	assert_int_equal(pthread_create(&thread, NULL, race, &r), 0);
	host_post(h, "/quarantine", 200);
	m.hosts[h].state = MODEL_QUARANTINED;
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (r.found.trusted && !might)
		differs("a renewal beside a quarantine", "no trust", r.found.text);
	raced(h, i, &r);
	ended_host(h); /* what the renewal brought, too, whichever was first */
	step_renew(h, i);
}

/* ---- the node dies ---- */

static void record_is_there(void)
{
	char hex[2 * SHA256_LEN + 1], path[128];
	struct buf answer = {0};
	int status = 0;
	if (!m.any_record)
		return;
	hex_encode(BYTES_OF(m.last_record), hex);
	(void)snprintf(path, sizeof(path), "/v1/records/%s", hex);
	assert_ok(verifierd_call(
			  &attack.v, path, NULL, (struct bytes){0}, &status, &answer, &attack.err),
		attack.err);
	if (status != 200)
		differs("a record that was acknowledged before the node died", "200",
			buf_str(&answer));
	buf_release(&answer);
}

/* Connections of before are gone, and the challenges that were bound to none are not. */
static void everybody_connects(void)
{
	for (size_t h = 0; h < HOSTS; h++)
		if (m.real[h].host)
			assert_ok(sw_host_connect(m.real[h].host, attack.v.url,
					  buf_bytes(&attack.v.ca_pem), &attack.err),
				attack.err);
}

static void step_kill(size_t h, size_t i)
{
	struct racer r = {.host = m.real[h].host, .instance = m.real[h].instances[i]};
	struct timespec wait = {.tv_nsec = (long)chance(4000000)};
	pthread_t thread = 0;
	bool might =
		r.instance && model_may_trust(&m.hosts[h], &m.workloads[m.instances[h][i].workload],
				      &m.instances[h][i]);
	say("the node dies while instance %zu of host %zu renews", i, h);
	if (r.instance)
		assert_int_equal(pthread_create(&thread, NULL, race, &r), 0);
	(void)nanosleep(&wait, NULL);
	(void)verifierd_stop(&attack.v, SIGKILL);
	if (r.instance)
		assert_int_equal(pthread_join(thread, NULL), 0);
	assert_ok(verifierd_start(&attack.v, &attack.err), attack.err);
	everybody_connects();
	if (r.instance) {
		if (r.found.trusted && !might)
			differs("a renewal while the node died", "no trust", r.found.text);
		raced(h, i, &r);
	}
	record_is_there();
	if (!r.instance)
		return;
	/* A launch whose answer was lost is over, for its agent never started. */
	if (!r.found.verdict && r.instance->purpose == PURPOSE_LAUNCH)
		instance_drop(h, i);
	else
		step_renew(h, i);
}

static const struct {
	void (*run)(size_t host, size_t instance);
	unsigned weight;
} steps[] = {
	{step_renew, 400},
	{step_launch, 120},
	{step_replay, 40},
	{step_enroll, 60},
	{step_reboot, 15},
	{step_quarantine, 12},
	{step_confirm, 40},
	{step_retire, 4},
	{step_end_workload, 10},
	{step_clone, 10},
	{step_roll_back, 10},
	{step_race, 20},
	{step_policy, 3},
	{step_kill, 3},
};

static void step(void)
{
	unsigned total = 0;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		total += steps[i].weight;
	uint64_t at = chance(total);
	size_t h = chance(HOSTS), k = 0;
	while (at >= steps[k].weight)
		at -= steps[k++].weight;
	if (m.real[h].host && m.real[h].host->log_next > LOG_MOST)
		step_reboot(h, 0);
	steps[k].run(h, chance(INSTANCES));
}

/* The list of revoked certificates, against the reference. */
static void look_at_lists(void)
{
	char text[160];
	if (lists_wrong(text))
		differs("a certificate that has ended", "revoked", text);
	X509_CRL *crl = lists_fetch();
	for (size_t h = 0; h < HOSTS; h++)
		for (size_t i = 0; i < INSTANCES; i++)
			if (m.real[h].newest[i] && lists_revoked(crl, m.real[h].newest[i]))
				differs("the certificate of an instance that is trusted",
					"not on the list", "revoked");
	X509_CRL_free(crl);
}

static void verifier__random_steps__as_the_reference_says(void **state)
{
	const char *seed = getenv("ASSAY_SEED"), *how = getenv("ASSAY_LONG");
	const char *some = getenv("ASSAY_STEPS");
	size_t n = how && how[0] ? STEPS_LONG : STEPS;
	n = some && some[0] ? strtoul(some, NULL, 10) : n;
	(void)state;
	memset(&m, 0, sizeof(m));
	m.policy = 1;
	m.seed = seed && seed[0] ? strtoull(seed, NULL, 10) : (uint64_t)clock_wall(&clock_system);
	m.state = m.seed * 0x9e3779b97f4a7c15u | 1;
	for (m.step = 0; m.step < n; m.step++) {
		step();
		if (m.step % LOOK_EVERY == LOOK_EVERY - 1)
			look_at_lists();
	}
	m.step--;
	look_at_lists();
	print_message("seed %llu: %zu steps, %zu certificates, %zu looks at the list, no "
		      "difference\n",
		(unsigned long long)m.seed, n, lists.count, lists.looked);
	assert_true(lists.count > 0);
	lists_release();
	for (size_t h = 0; h < HOSTS; h++)
		host_drop(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifier__random_steps__as_the_reference_says),
	};
	return cmocka_run_group_tests(tests, attack_open, attack_close);
}
