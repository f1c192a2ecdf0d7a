/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolling as somebody one is not. What is refused leaves no row, and what stands is never written over. */
#include <pthread.h>

#include "base/file.h"
#include "tests/attack/enroll.h"

/* ---- one key in another's place ---- */

static void E1__quote_by_another_ak_than_activated__refused(void **state)
{
	struct sw_host *host = attack_stranger(), *other = attack_stranger();
	(void)state;
	host->signer = other->ak;
	refused_and_absent(&host, ERR_DENIED, "quote-signature");
	sw_host_free(&other);
}

static struct bytes secret_given;
static void give_secret(void *context, struct enroll_finish *finish)
{
	(void)context;
	finish->secret = secret_given;
}

/* The credential made for one AK answers the session of another. */
static void E1__secret_of_another_aks_session__refused(void **state)
{
	struct sw_host *a = attack_stranger(), *b = attack_stranger();
	struct buf from_a = {0}, from_b = {0}, secret = {0};
	struct enroll_offer offer_a, offer_b;
	(void)state;
	assert_ok(sw_host_begin(a, NULL, &from_a, &offer_a, &attack.err), attack.err);
	assert_ok(sw_host_begin(b, NULL, &from_b, &offer_b, &attack.err), attack.err);
	assert_ok(tpm_sw_activate_credential(a->ek, &a->ak->name, offer_a.id_object,
			  offer_a.encrypted_secret, &secret, &attack.err),
		attack.err);
	secret_given = buf_bytes(&secret);
	b->edit.finish = give_secret;
	assert_false(sw_host_finish(b, &offer_b, &attack.err));
	assert_non_null(strstr(attack.err.text, "activation proof does not hold"));
	assert_no_row(b);
	buf_release(&from_a);
	buf_release(&from_b);
	buf_release(&secret);
	sw_host_free(&a);
	sw_host_free(&b);
}

/* Puts another key into a host; the old one is freed. */
static void swap_key(struct tpm_sw_key **key, struct tpm_sw_key *to)
{
	tpm_sw_key_free(key);
	*key = to;
}
static void new_ak(struct sw_host *host)
{
	struct tpm_sw_key *ak = NULL;
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &attack.err), attack.err);
	swap_key(&host->ak, ak);
	host->signer = ak;
}

static void E2__known_host_with_another_ak__conflict_and_row_untouched(void **state)
{
	struct sw_host *host = attack_host();
	char *before = host_row(host->id);
	(void)state;
	assert_string_not_equal(before, "");
	new_ak(host);
	refused(host, ERR_CONFLICT, "enrolled with another partner or certificate");
	char *after = host_row(host->id);
	assert_string_equal(before, after);
	free(before);
	free(after);
	sw_host_free(&host);
}

struct racer {
	struct sw_host *host;
	pthread_t thread;
	const char *token;
	bool enrolled;
	struct err err;
};
static void *race(void *arg)
{
	struct racer *r = arg;
	r->enrolled = sw_host_enroll(r->host, r->token, &r->err);
	return NULL;
}

#define RACERS 6
static void E3__one_ek_with_many_aks_at_once__one_wins_unmixed(void **state)
{
	struct sw_host *first = attack_stranger();
	struct racer racers[RACERS] = {{0}};
	struct tpm_sw_key *aks[RACERS] = {0};
	char *tokens[RACERS], hex[2 * 200 + 1];
	size_t won = 0, winner = 0;
	(void)state;
	for (size_t i = 0; i < RACERS; i++) {
		assert_ok(sw_host_twin(first, &racers[i].host, &attack.err), attack.err);
		assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &aks[i], &attack.err), attack.err);
		racers[i].host->ak = aks[i];
		racers[i].host->signer = aks[i];
		assert_ok(verifierd_token(&attack.v, &tokens[i], &attack.err), attack.err);
		racers[i].token = tokens[i];
	}
	for (size_t i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	for (size_t i = 0; i < RACERS; i++)
		(void)pthread_join(racers[i].thread, NULL);
	for (size_t i = 0; i < RACERS; i++) {
		won += racers[i].enrolled;
		winner = racers[i].enrolled ? i : winner;
		if (!racers[i].enrolled)
			assert_int_equal(racers[i].err.code, ERR_CONFLICT);
	}
	assert_int_equal(won, 1);
	char *row = host_row(first->id);
	assert_true(aks[winner]->public_area.len <= 200);
	hex_encode(buf_bytes(&aks[winner]->public_area), hex);
	for (char *c = hex; *c; c++)
		*c = (char)(*c >= 'a' ? *c - 32 : *c);
	assert_non_null(strstr(row, hex));
	free(row);
	for (size_t i = 0; i < RACERS; i++) {
		sw_host_free(&racers[i].host);
		tpm_sw_key_free(&aks[i]);
		free(tokens[i]);
	}
	sw_host_free(&first);
}

static void E4__ak_of_another_host__conflict(void **state)
{
	struct sw_host *host = attack_stranger();
	struct tpm_sw_key *own = host->ak;
	char *before = host_row(attack.host->id);
	(void)state;
	host->ak = attack.host->ak; /* two chips in one hand, or a broken one */
	host->signer = host->ak;
	refused(host, ERR_CONFLICT, "enrolled with another partner or certificate");
	assert_no_row(host);
	char *after = host_row(attack.host->id);
	assert_string_equal(before, after);
	free(before);
	free(after);
	host->ak = own;
	sw_host_free(&host);
}

static void E5__certificate_removed_or_another__conflict(void **state)
{
	struct sw_host *host = attack_host();
	struct ek_ca_options options = ek_ca_honest(host->ek->key);
	char *before = host_row(host->id);
	(void)state;
	cert_unref(&host->ek_cert);
	refused(host, ERR_CONFLICT, "enrolled with another partner or certificate");
	assert_ok(ek_ca_issue(&attack.v.maker, &options, &host->ek_cert, &attack.err), attack.err);
	refused(host, ERR_CONFLICT, "enrolled with another partner or certificate");
	char *after = host_row(host->id);
	assert_string_equal(before, after);
	free(before);
	free(after);
	sw_host_free(&host);
}

/* ---- the proof ---- */

static void E7__wrong_proof__one_try_one_text_and_nothing_in_the_log(void **state)
{
	static const uint8_t wrong[32];
	struct sw_host *host = attack_stranger();
	struct buf buffer = {0}, secret = {0}, log = {0};
	struct enroll_offer offer;
	char first[ERR_TEXT_MAX], path[128], hex[65];
	(void)state;
	assert_ok(sw_host_begin(host, NULL, &buffer, &offer, &attack.err), attack.err);
	secret_given = BYTES_OF(wrong);
	host->edit.finish = give_secret;
	assert_false(sw_host_finish(host, &offer, &attack.err));
	(void)snprintf(first, sizeof(first), "%s", attack.err.text);
	assert_non_null(strstr(first, "activation proof does not hold"));
	/* The right one now comes too late, and so does any for a session that never was. */
	host->edit.finish = NULL;
	assert_false(sw_host_finish(host, &offer, &attack.err));
	assert_string_equal(attack.err.text, first);
	offer.session = BYTES_OF(wrong);
	assert_false(sw_host_finish(host, &offer, &attack.err));
	assert_string_equal(attack.err.text, first);
	assert_no_row(host);
	assert_ok(tpm_sw_activate_credential(host->ek, &host->ak->name, offer.id_object,
			  offer.encrypted_secret, &secret, &attack.err),
		attack.err);
	(void)snprintf(path, sizeof(path), "%s/log", attack.v.dir);
	assert_ok(file_read(path, 16u << 20, &log, &attack.err), attack.err);
	hex_encode(buf_bytes(&secret), hex);
	assert_null(strstr(buf_str(&log), hex));
	buf_release(&buffer);
	buf_release(&secret);
	buf_release(&log);
	sw_host_free(&host);
}

static void E8__proof_replayed__refused(void **state)
{
	struct sw_host *host = attack_stranger();
	struct buf buffer = {0}, again = {0}, secret = {0};
	struct enroll_offer offer, second;
	(void)state;
	assert_ok(sw_host_begin(host, NULL, &buffer, &offer, &attack.err), attack.err);
	assert_ok(tpm_sw_activate_credential(host->ek, &host->ak->name, offer.id_object,
			  offer.encrypted_secret, &secret, &attack.err),
		attack.err);
	assert_ok(sw_host_finish(host, &offer, &attack.err), attack.err);
	assert_int_equal(host->state, HOST_PENDING);
	assert_false(sw_host_finish(host, &offer, &attack.err));
	assert_non_null(strstr(attack.err.text, "activation proof does not hold"));
	assert_ok(sw_host_begin(host, NULL, &again, &second, &attack.err), attack.err);
	secret_given = buf_bytes(&secret);
	host->edit.finish = give_secret;
	assert_false(sw_host_finish(host, &second, &attack.err));
	assert_non_null(strstr(attack.err.text, "activation proof does not hold"));
	buf_release(&buffer);
	buf_release(&again);
	buf_release(&secret);
	sw_host_free(&host);
}

/* Whoever knows the public parts of a member, and no more, changes nothing about it. */
static void C12__enrolling_in_a_members_name_without_its_tpm__nothing_changes(void **state)
{
	struct sw_host *member = attack_host(), *thief = NULL;
	char *before = host_row(member->id);
	static const uint8_t guess[32] = {1};
	(void)state;
	assert_ok(sw_host_twin(member, &thief, &attack.err), attack.err);
	secret_given = BYTES_OF(guess);
	thief->edit.finish = give_secret;
	assert_false(sw_host_enroll(thief, NULL, &attack.err));
	char *after = host_row(member->id);
	assert_string_equal(before, after);
	attack_honest(member); /* its certificate is still good */
	free(before);
	free(after);
	sw_host_free(&thief);
	sw_host_free(&member);
}

/* ---- public areas that no honest TPM makes ---- */

static struct buf area; /* sent instead */
static void send_ak(void *context, struct enroll_begin *begin)
{
	(void)context;
	begin->ak_public = buf_bytes(&area);
}
static void send_ek(void *context, struct enroll_begin *begin)
{
	(void)context;
	begin->ek_public = buf_bytes(&area);
}
static void put_area(const struct tpmt_public *view)
{
	buf_clear(&area);
	tpmt_public_put(&area, view);
}
static void bad_area(void (*send)(void *context, struct enroll_begin *begin), const char *text)
{
	struct sw_host *host = attack_stranger();
	char *token = NULL;
	assert_ok(verifierd_token(&attack.v, &token, &attack.err), attack.err);
	host->edit.begin = send;
	attack.err = (struct err){0};
	if (sw_host_enroll(host, token, &attack.err) || !strstr(attack.err.text, text))
		fail_msg("%s, wanted %s", attack.err.text, text);
	assert_no_row(host);
	free(token);
	sw_host_free(&host);
}

static void E16__ek_that_signs_or_of_no_template__refused(void **state)
{
	struct tpmt_public view = attack.host->ek->view;
	(void)state;
	view.attributes |= TPMA_OBJECT_SIGN;
	put_area(&view);
	bad_area(send_ek, "ek-template");
	view = attack.host->ek->view;
	view.auth_policy = (struct bytes){0};
	put_area(&view);
	bad_area(send_ek, "ek-template");
}

static void E17__ak_with_each_bit_missing_or_too_much__refused(void **state)
{
	static const uint32_t bits[] = {TPMA_OBJECT_RESTRICTED, TPMA_OBJECT_FIXED_TPM,
		TPMA_OBJECT_SENSITIVE_DATA_ORIGIN, TPMA_OBJECT_SIGN, TPMA_OBJECT_DECRYPT,
		TPMA_OBJECT_ENCRYPTED_DUPLICATION};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		struct tpmt_public view = attack.host->ak->view;
		view.attributes ^= bits[i];
		put_area(&view);
		bad_area(send_ak, "ak-attributes");
	}
}

static void E18__ak_that_can_leave_its_parent__refused(void **state)
{
	struct tpmt_public view = attack.host->ak->view;
	(void)state;
	view.attributes &= ~TPMA_OBJECT_FIXED_PARENT;
	view.attributes |= TPMA_OBJECT_ADMIN_WITH_POLICY;
	put_area(&view);
	bad_area(send_ak, "ak-attributes");
}

static void E19__names_or_schemes_with_sha1__refused(void **state)
{
	struct tpmt_public view = attack.host->ak->view;
	(void)state;
	view.name_alg = TPM_ALG_SHA1;
	put_area(&view);
	bad_area(send_ak, "");
	view = attack.host->ak->view;
	view.scheme_hash = TPM_ALG_SHA1;
	put_area(&view);
	bad_area(send_ak, "");
}

static void E21__points_off_the_curve_or_too_large__refused(void **state)
{
	static uint8_t y[32], big[32], long_x[66], zero[32];
	const struct bytes xs[] = {
		attack.host->ak->view.x, BYTES_OF(big), BYTES_OF(long_x), BYTES_OF(zero), {0}};
	(void)state;
	memset(big, 0xff, sizeof(big));
	memset(long_x, 1, sizeof(long_x));
	memcpy(y, attack.host->ak->view.y.data, 32);
	y[31] ^= 1;
	for (size_t i = 0; i < ARRAY_LEN(xs); i++) {
		struct tpmt_public view = attack.host->ak->view;
		view.x = xs[i];
		view.y = BYTES_OF(y);
		put_area(&view);
		bad_area(send_ak, "");
		view = attack.host->ek->view;
		view.x = xs[i];
		view.y = BYTES_OF(y);
		put_area(&view);
		bad_area(send_ek, "");
	}
}

static void E28__odd_names__refused(void **state)
{
	static char huge[5000];
	static const char *const names[] = {
		"a\nb", "\x1b[31mred", "../../etc/passwd", huge, "UPPER", "", " ", "caf\xc3\xa9"};
	(void)state;
	memset(huge, 'a', sizeof(huge) - 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct sw_host *host = attack_stranger();
		host->name = names[i];
		if (sw_host_enroll(host, NULL, &attack.err))
			fail_msg("name %zu was accepted", i);
		assert_no_row(host);
		sw_host_free(&host);
	}
}

static void E27__tpm_state_lives_twice__host_quarantined(void **state)
{
	struct sw_host *host = attack_host(), *clone = NULL;
	char path[160], outcome[400];
	(void)state;
	assert_ok(sw_host_twin(host, &clone, &attack.err), attack.err);
	attack_honest(host);
	host->clock += 500000; /* it goes on working */
	attack_honest(host);
	struct sw_instance *instance = attack_instance(clone);
	(void)attack_outcome(clone, instance, outcome);
	assert_non_null(strstr(outcome, "clock-backwards"));
	sw_instance_free(&instance);
	char *text = attack_get(attack_host_path(host, "", path), "state");
	assert_string_equal(text, "\"quarantined\"");
	free(text);
	instance = attack_instance(host); /* and both are out */
	assert_false(sw_host_attest(host, instance, &attack.err));
	assert_int_equal(attack.err.code, ERR_DENIED);
	sw_instance_free(&instance);
	sw_host_free(&clone);
	sw_host_free(&host);
}

static void E32__garbage_in_the_victims_name__its_challenge_still_good(void **state)
{
	struct sw_host *victim = attack_host(), *attacker = attack_host();
	struct sw_instance *mine = attack_instance(victim), *theirs = attack_instance(attacker);
	(void)state;
	assert_ok(sw_host_challenge(victim, mine, &attack.err), attack.err);
	buf_put(&theirs->challenge, buf_bytes(&mine->challenge));
	assert_outcome(attacker, theirs, "untrusted: challenge-other");
	/* The same through a connection with the victim's certificate, but without its TPM. */
	buf_clear(&theirs->challenge);
	buf_put(&theirs->challenge, buf_bytes(&mine->challenge));
	memcpy(theirs->id, mine->id, sizeof(theirs->id));
	victim->signer = attacker->ak;
	assert_outcome(
		victim, theirs, "untrusted: quote-signature"); /* unsigned: decides no more */
	victim->signer = victim->ak;
	assert_outcome(victim, mine, "trusted");
	sw_instance_free(&mine);
	sw_instance_free(&theirs);
	sw_host_free(&victim);
	sw_host_free(&attacker);
}

static int close_all(void **state)
{
	buf_release(&area);
	return attack_close(state);
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(E1__quote_by_another_ak_than_activated__refused),
		T(E1__secret_of_another_aks_session__refused),
		T(E2__known_host_with_another_ak__conflict_and_row_untouched),
		T(E3__one_ek_with_many_aks_at_once__one_wins_unmixed),
		T(E4__ak_of_another_host__conflict),
		T(E5__certificate_removed_or_another__conflict),
		T(E7__wrong_proof__one_try_one_text_and_nothing_in_the_log),
		T(E8__proof_replayed__refused),
		T(C12__enrolling_in_a_members_name_without_its_tpm__nothing_changes),
		T(E16__ek_that_signs_or_of_no_template__refused),
		T(E17__ak_with_each_bit_missing_or_too_much__refused),
		T(E18__ak_that_can_leave_its_parent__refused),
		T(E19__names_or_schemes_with_sha1__refused),
		T(E21__points_off_the_curve_or_too_large__refused),
		T(E28__odd_names__refused),
		T(E27__tpm_state_lives_twice__host_quarantined),
		T(E32__garbage_in_the_victims_name__its_challenge_still_good),
	};
	return cmocka_run_group_tests(tests, attack_open, close_all);
}
