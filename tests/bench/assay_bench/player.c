/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/assay_bench/player.h"

#include <stdio.h>
#include <stdlib.h>

#define BACKOFF_FIRST_US (200u * 1000u)
#define BACKOFF_MAX_US   (10u * 1000000u)

static const char *const outcomes[OUTCOMES] = {
	[OUTCOME_NONE] = "nothing",
	[OUTCOME_DONE] = "done",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_BUSY] = "busy",
	[OUTCOME_LOST] = "lost",
	[OUTCOME_FAULT] = "fault",
};

const char *outcome_name(enum outcome outcome)
{
	return outcomes[outcome];
}

/* ---- made and ended ---- */

static uint32_t source_of(size_t number)
{
	return 0x010001u + (uint32_t)(number / 128);
}

bool player_init(struct player *player, struct engine *engine, size_t number,
	const struct ek_ca *maker, const struct sw_workload *workload, struct err *err)
{
	*player = (struct player){
		.engine = engine, .source = source_of(number), .workload = workload, .conn.fd = -1};
	return sw_host_new(maker, &player->host, err);
}

void player_release(struct player *player)
{
	if (player->conn.engine)
		conn_close(&player->conn);
	sw_instance_free(&player->instance);
	sw_host_free(&player->host);
	cert_unref(&player->cert);
	free(player->token);
	buf_release(&player->request);
	buf_release(&player->offer);
}

bool player_launch(struct player *player, struct err *err)
{
	sw_instance_free(&player->instance);
	buf_clear(&player->request);
	if (!sw_instance_new(player->host, player->workload, &player->instance, err))
		return false;
	player->instance->audience = player->audience;
	return true;
}

/* Bytes of the address that come from the pointer are as good a jitter as any: no two hosts share them. */
static uint64_t jitter(const struct player *player, uint64_t span)
{
	uint64_t x = (uint64_t)(uintptr_t)player / 64 + player->tries * 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return span ? (x ^ x >> 32) % span : 0;
}

static void end(struct player *player, enum outcome outcome)
{
	player_done done = TAKE(player->done);
	done(player, outcome);
}

static void fault(struct player *player, const char *what, const struct err *err)
{
	(void)snprintf(player->why, sizeof(player->why), "%s: %.160s", what, err ? err->text : "");
	end(player, OUTCOME_FAULT);
}

/* True: a 200, to be read. Otherwise it has ended. */
static bool answered(struct player *player, const struct answer *answer)
{
	player->retry_after = answer->retry_after;
	if (answer->status == 200 || answer->status == 201)
		return true;
	(void)snprintf(player->why, sizeof(player->why), "status %d: %.*s", answer->status,
		(int)(answer->body.len < 160 ? answer->body.len : 160),
		answer->body.len ? (const char *)answer->body.data : "");
	if (answer->status == 0)
		end(player, OUTCOME_LOST);
	else if (answer->status == 429 || answer->status == 503)
		end(player, OUTCOME_BUSY);
	else if (answer->status < 500)
		end(player, OUTCOME_REFUSED);
	else
		end(player, OUTCOME_FAULT);
	return false;
}

/* ---- enrolment ---- */

static void on_enrolled(void *arg, const struct answer *answer)
{
	struct player *player = arg;
	struct enroll_result result;
	struct err err = {0};
	if (!answered(player, answer))
		return;
	conn_close(&player->conn);
	if (!enroll_result_decode(answer->body, &result, &err) ||
		!sw_host_enrolled(player->host, &result, &err) || result.cert_count == 0 ||
		!cert_from_der(result.certs[0], false, &player->cert, &err)) {
		fault(player, "enrolment", &err);
		return;
	}
	end(player, OUTCOME_DONE);
}

static void on_offered(void *arg, const struct answer *answer)
{
	struct player *player = arg;
	OWNED(buf_release) struct buf message = {0};
	uint8_t exporter[TLS_EXPORTER_LEN];
	struct err err = {0};
	if (!answered(player, answer))
		return;
	buf_clear(&player->offer);
	buf_put(&player->offer, answer->body);
	if (!enroll_offer_decode(buf_bytes(&player->offer), &player->enrolling, &err) ||
		!conn_exporter(&player->conn, exporter) ||
		!sw_host_finish_message(
			player->host, &player->enrolling, exporter, &message, &err)) {
		fault(player, "enrolment", &err);
		return;
	}
	conn_ask(&player->conn, "/v1/enroll/finish", MEDIA_MESSAGE, buf_bytes(&message),
		on_enrolled);
}

static void on_enroll_ready(void *arg, bool ok)
{
	struct player *player = arg;
	OWNED(buf_release) struct buf message = {0};
	struct err err = {0};
	if (!ok) {
		end(player, OUTCOME_LOST);
		return;
	}
	if (!sw_host_begin_message(player->host, player->token, &message, &err)) {
		fault(player, "enrolment", &err);
		return;
	}
	conn_ask(&player->conn, "/v1/enroll/begin", MEDIA_MESSAGE, buf_bytes(&message), on_offered);
}

void player_enroll(struct player *player, player_done done)
{
	player->done = done;
	conn_open(
		player->engine, &player->conn, player->source, NULL, NULL, on_enroll_ready, player);
}

/* ---- connected ---- */

/* False: an idle connection was lost, and nobody waits: the next request finds out. */
static void on_ready(void *arg, bool ok)
{
	struct player *player = arg;
	buf_clear(&player->request);
	if (player->done)
		end(player, ok ? OUTCOME_DONE : OUTCOME_LOST);
}

void player_connect(struct player *player, player_done done)
{
	player->done = done;
	conn_open(player->engine, &player->conn, player->source, player->cert,
		player->host->tls_key, on_ready, player);
}

/* ---- evidence ---- */

static void spoil_signature(void *context, struct buf *signature)
{
	(void)context;
	signature->data[signature->len - 1] ^= 1;
}

static void spoil_attest(void *context, struct tpms_attest *attest)
{
	static uint8_t other[SHA256_LEN];
	(void)context;
	attest->quote_pcr_digest = BYTES_OF(other);
}

static void spoil_claims(void *context, struct claims *claims)
{
	(void)context;
	claims->release[0] ^= 1;
}

static void spoil_encoded(void *context, struct buf *evidence)
{
	(void)context;
	evidence->len /= 2;
}

static struct sw_edit edit_of(enum badness bad)
{
	struct sw_edit edit = {0};
	if (bad == BAD_SIGNATURE)
		edit.signature = spoil_signature;
	if (bad == BAD_PCRS)
		edit.attest = spoil_attest;
	if (bad == BAD_RELEASE)
		edit.claims = spoil_claims;
	if (bad == BAD_CUT)
		edit.encoded = spoil_encoded;
	return edit;
}

static bool prepare(struct player *player, struct err *err)
{
	uint8_t exporter[TLS_EXPORTER_LEN];
	struct sw_instance *instance = player->instance;
	buf_clear(&player->request);
	if (!conn_exporter(&player->conn, exporter))
		return err_set(err, ERR_CRYPTO, "exporter");
	if (player->bad == BAD_EXPORTER)
		exporter[0] ^= 1;
	if (player->bad == BAD_CHALLENGE)
		instance->challenge.data[instance->challenge.len - 1] ^= 1;
	player->host->edit = edit_of(player->bad);
	bool ok = sw_host_evidence(player->host, instance, exporter, &player->request, err);
	player->host->edit = (struct sw_edit){0};
	return ok;
}

static void on_attested(void *arg, const struct answer *answer)
{
	struct player *player = arg;
	struct sw_instance *instance = player->instance;
	struct attest_result result;
	struct err err = {0};
	player->sent = player->request.len;
	player->received = answer->body.len;
	buf_clear(&player->request);
	buf_clear(&instance->challenge);
	player->uncertain = player->uncertain || answer->status == 0;
	if (!answered(player, answer))
		return;
	if (!attest_result_decode(answer->body, &result, &err)) {
		fault(player, "attestation", &err);
		return;
	}
	if (!result.trusted) {
		(void)snprintf(player->why, sizeof(player->why), "%.*s",
			(int)(result.verdict.len < 399 ? result.verdict.len : 399),
			(const char *)result.verdict.data);
		/* What was lost on the way was decided after the next challenge was asked for. */
		bool used = player->uncertain && strstr(player->why, "challenge-used");
		end(player, used ? OUTCOME_LOST : OUTCOME_REFUSED);
		return;
	}
	player->uncertain = false;
	instance->purpose = PURPOSE_RENEW;
	buf_put(&instance->challenge, result.next.challenge);
	instance->first = result.next.runtime_first;
	/* Ready before it is due. */
	if (player->conn.state == CONN_OPEN && !player->bad && !prepare(player, &err)) {
		fault(player, "attestation", &err);
		return;
	}
	end(player, OUTCOME_DONE);
}

static void send_evidence(struct player *player)
{
	struct err err = {0};
	if (player->request.len == 0 && !prepare(player, &err)) {
		fault(player, "evidence", &err);
		return;
	}
	conn_ask(&player->conn, "/v1/attest", MEDIA_EVIDENCE, buf_bytes(&player->request),
		on_attested);
}

static void on_challenged(void *arg, const struct answer *answer)
{
	struct player *player = arg;
	struct challenge_offer offer;
	struct err err = {0};
	if (!answered(player, answer))
		return;
	if (!challenge_offer_decode(answer->body, &offer, &err)) {
		fault(player, "challenge", &err);
		return;
	}
	buf_put(&player->instance->challenge, offer.challenge);
	player->instance->first = offer.runtime_first;
	send_evidence(player);
}

static void lost_at_once(void *arg)
{
	end(arg, OUTCOME_LOST);
}

void player_attest(struct player *player, player_done done)
{
	OWNED(buf_release) struct buf message = {0};
	struct err err = {0};
	player->done = done;
	if (player->conn.state != CONN_OPEN) {
		engine_at(player->engine, 0, lost_at_once, player);
		return;
	}
	if (player->instance->challenge.len > 0) {
		send_evidence(player);
		return;
	}
	struct challenge_request request = {.purpose = player->instance->purpose};
	memcpy(request.instance, player->instance->id, sizeof(request.instance));
	if (!challenge_request_encode(&request, &message, &err)) {
		fault(player, "challenge", &err);
		return;
	}
	conn_ask(&player->conn, "/v1/challenge", MEDIA_MESSAGE, buf_bytes(&message), on_challenged);
}

/* ---- until it is trusted ---- */

static void settle_step(void *arg);

static void settle_again(struct player *player)
{
	uint64_t pause = (uint64_t)player->retry_after * 1000000u;
	if (pause == 0) {
		pause = BACKOFF_FIRST_US << (player->tries < 6 ? player->tries : 6);
		pause = pause > BACKOFF_MAX_US ? BACKOFF_MAX_US : pause;
	}
	player->tries++;
	player->settled_after++;
	engine_at(player->engine, now_us() + pause + jitter(player, pause), settle_step, player);
}

static void on_settled(struct player *player, enum outcome outcome)
{
	if (outcome == OUTCOME_LOST || outcome == OUTCOME_BUSY) {
		settle_again(player);
		return;
	}
	player->step(player, outcome);
}

static void on_settle_connected(struct player *player, enum outcome outcome)
{
	if (outcome == OUTCOME_DONE)
		player_attest(player, on_settled);
	else
		settle_again(player);
}

static void settle_step(void *arg)
{
	struct player *player = arg;
	if (player->conn.state == CONN_OPEN)
		player_attest(player, on_settled);
	else
		player_connect(player, on_settle_connected);
}

void player_settle(struct player *player, player_done done)
{
	player->step = done;
	player->tries = 0;
	settle_step(player);
}
