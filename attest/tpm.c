/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/tpm.h"

#include <ctype.h>
#include <stdlib.h>

#include "attest/tpm_esys.h"

#define TCTI_DEFAULT "device:/dev/tpmrm0"

static void esys_free(struct tpm *tpm);

static const struct tpm_ops ESYS_OPS = {
	.properties = esys_properties,
	.clock = esys_clock,
	.pcr_read = esys_pcr_read,
	.pcr_extend = esys_pcr_extend,
	.ek_list = esys_ek_list,
	.ek = esys_ek,
	.ak = esys_ak,
	.ak_look = esys_ak_look,
	.activate = esys_activate,
	.quote = esys_quote,
	.key_new = esys_key_new,
	.key_sign = esys_key_sign,
	.key_certify = esys_key_certify,
	.free = esys_free,
};

static const char *const AK_KIND_NAMES[AK_KINDS] = {
	[AK_ECC_P256] = "ecc-p256", [AK_RSA_2048] = "rsa-2048", [AK_ECC_P384] = "ecc-p384"};

const char *ak_kind_name(enum ak_kind kind)
{
	return kind < AK_KINDS ? AK_KIND_NAMES[kind] : "unknown";
}

bool ak_kind_of_name(struct bytes name, enum ak_kind *ret)
{
	for (size_t i = 0; i < AK_KINDS; i++)
		if (bytes_equal_str(name, AK_KIND_NAMES[i])) {
			*ret = (enum ak_kind)i;
			return true;
		}
	return false;
}

void tpm_ek_release(struct tpm_ek *ek)
{
	if (!ek)
		return;
	buf_release(&ek->public_area);
	buf_release(&ek->certificate);
	for (size_t i = 0; i < TPM_EK_CHAIN_MAX; i++)
		buf_release(&ek->chain[i]);
	memset(ek, 0, sizeof(*ek));
}

void tpm_quote_release(struct tpm_quote *quote)
{
	if (!quote)
		return;
	buf_release(&quote->message);
	buf_release(&quote->signature);
	memset(quote, 0, sizeof(*quote));
}

void tpm_key_release(struct tpm_key *key)
{
	if (!key)
		return;
	buf_release(&key->public_area);
	buf_release(&key->private_area);
	key->parent = 0;
}

void tpm_certification_release(struct tpm_certification *certification)
{
	if (!certification)
		return;
	buf_release(&certification->message);
	buf_release(&certification->signature);
}

void tpm_free(struct tpm **tpm)
{
	if (!tpm || !*tpm)
		return;
	(*tpm)->ops->free(*tpm);
	*tpm = NULL;
}

bool tpm_open(const struct tpm_options *options, struct tpm **ret, struct err *err)
{
	return esys_open(options, &esys_source_tctildr, ret, err);
}

/* The kernel's resource manager and tabrmd keep each program's objects apart and flush them when it
 * ends. */
static bool has_resource_manager(const char *tcti)
{
	return strncmp(tcti, "tabrmd", 6) == 0 || strstr(tcti, "tpmrm") ||
	       strcmp(tcti, "device") == 0;
}

static bool copy_password(struct bytes in, const char *which, TPM2B_AUTH *out, struct err *err)
{
	if (in.len > TPM_AUTH_MAX || in.len > sizeof(out->buffer))
		return err_set(
			err, ERR_USAGE, "%s password: longer than %u bytes", which, TPM_AUTH_MAX);
	out->size = (UINT16)in.len;
	if (in.len > 0)
		memcpy(out->buffer, in.data, in.len);
	return true;
}

bool esys_open(const struct tpm_options *options, const struct esys_source *source,
	struct tpm **ret, struct err *err)
{
	const char *tcti = options->tcti && *options->tcti ? options->tcti : TCTI_DEFAULT;
	struct esys *t = calloc(1, sizeof(*t));
	bool ok;

	if (!t || pthread_mutex_init(&t->lock, NULL) != 0) {
		free(t);
		return err_set(err, ERR_NOMEM, "TPM: no memory");
	}
	t->base.ops = &ESYS_OPS;
	t->source = source;
	t->session = ESYS_TR_NONE;
	t->ak.object = ESYS_TR_NONE;
	t->tcti_text = bytes_strdup(bytes_str(tcti));
	t->resource_manager = has_resource_manager(tcti);
	ok = t->tcti_text || err_set(err, ERR_NOMEM, "TPM: no memory");
	ok = ok && copy_password(options->owner_auth, "owner", &t->owner_auth, err) &&
	     copy_password(options->endorsement_auth, "endorsement", &t->endorsement_auth, err) &&
	     esys_connect(t, err);
	if (!ok) {
		esys_free(&t->base);
		return false;
	}
	*ret = &t->base;
	return true;
}

static void esys_free(struct tpm *tpm)
{
	struct esys *t = (struct esys *)tpm;

	if (t->context)
		esys_session_drop(t);
	esys_disconnect(t);
	pthread_mutex_destroy(&t->lock);
	free(t->tcti_text);
	secret_wipe(t, sizeof(*t));
	free(t);
}

/* "…; 3 of 3 failed tries are counted, one is forgiven every 1000 seconds". Best effort. */
static void explain_lockout(struct esys *t, struct err *err)
{
	struct tpm_properties p = {0};
	struct err why = *err;

	if (!esys_properties_read(t, &p, NULL))
		return;
	err_set(err, ERR_DENIED,
		"%s; %u failed tries are counted, %u are allowed, one is forgiven every %u "
		"seconds: wait, or have the owner of the lockout password run "
		"tpm2_dictionarylockout --clear-lockout",
		why.text, p.lockout_counter, p.lockout_max, p.lockout_seconds);
}

/* What the failure means for the connection, and whether the operation may run again. */
static bool try_again(struct esys *t, unsigned tries, bool *renewed, struct err *err)
{
	enum esys_fault fault = esys_fault_of(t->rc);
	unsigned ms = ESYS_BACKOFF_MS << (tries < 8 ? tries : 8);
	struct err counters = {0};

	if (t->rc == TSS2_RC_SUCCESS)
		return false;
	if (fault == ESYS_PATIENCE) {
		if (tries + 1 >= ESYS_TRIES_MAX)
			return err_wrap(err, "the TPM stays busy after %u tries", tries + 1);
		t->source->pause(t->source, ms < ESYS_BACKOFF_MAX_MS ? ms : ESYS_BACKOFF_MAX_MS);
		return true;
	}
	if (fault == ESYS_GONE) {
		esys_disconnect(t);
		return strncmp(err->text, "the TPM is gone", 15) == 0
			       ? false
			       : err_wrap(err, "the TPM is gone");
	}
	if (fault == ESYS_LOCKED)
		explain_lockout(t, err);
	esys_session_drop(t);
	esys_ak_drop(t);
	if ((fault != ESYS_STALE && fault != ESYS_MISSING) || *renewed)
		return false;
	/* Either somebody flushed what was ours, or the TPM was reset: that the caller has to know.
	 */
	if (!esys_check_counters(t, &counters)) {
		*err = counters;
		return false;
	}
	*renewed = true;
	return true;
}

bool esys_run(struct tpm *tpm, const char *what, esys_operation operation, void *arguments,
	struct err *err)
{
	struct esys *t = (struct esys *)tpm;
	struct err why = {0}; /* of failures that were got over, too */
	bool renewed = false, ok = false;

	pthread_mutex_lock(&t->lock);
	for (unsigned tries = 0; !ok; tries++) {
		t->rc = TSS2_RC_SUCCESS;
		ok = esys_connect(t, &why) && operation(t, arguments, &why);
		if (!ok && !try_again(t, tries, &renewed, &why))
			break;
	}
	pthread_mutex_unlock(&t->lock);
	if (!ok && err)
		*err = why;
	return ok || err_wrap(err, "%s", what);
}
