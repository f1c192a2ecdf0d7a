/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_private.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>

#include "crypto/openssl_error.h"

struct key_home {
	const char *provider, *properties;
	enum err_code fault; /* of a provider that is there and does not start */
	const char *hint;
	unsigned refs; /* guarded by homes_lock; the rest below is set while it is above zero */
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *own, *standard;
	pthread_mutex_t use;
};

/* Process-wide on purpose: a second connection to the same TPM would wait for the first for ever.
 */
static pthread_mutex_t homes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct key_home homes[] = {
	{.provider = "tpm2",
		.properties = "?provider=tpm2",
		.fault = ERR_TPM,
		.hint = "is the TPM named by TPM2OPENSSL_TCTI there?",
		.use = PTHREAD_MUTEX_INITIALIZER},
	{.provider = "pkcs11",
		.properties = "?provider=pkcs11",
		.fault = ERR_IO,
		.hint = "is its module configured?",
		.use = PTHREAD_MUTEX_INITIALIZER},
};

static void home_close(struct key_home *home)
{
	if (home->own)
		OSSL_PROVIDER_unload(home->own);
	if (home->standard)
		OSSL_PROVIDER_unload(home->standard);
	OSSL_LIB_CTX_free(home->context);
	home->own = NULL;
	home->standard = NULL;
	home->context = NULL;
}

static bool home_open(struct key_home *home, struct err *err)
{
	bool absent;

	home->context = OSSL_LIB_CTX_new();
	home->standard = home->context ? OSSL_PROVIDER_load(home->context, "default") : NULL;
	if (!home->standard)
		return openssl_fail(err, ERR_CRYPTO, "provider default");
	home->own = OSSL_PROVIDER_load(home->context, home->provider);
	if (home->own)
		return true;
	absent = ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_DSO;
	openssl_forget();
	if (absent)
		return err_set(err, ERR_UNSUPPORTED,
			"OpenSSL's provider \"%s\" is not installed here", home->provider);
	return err_set(err, home->fault, "OpenSSL's provider \"%s\" does not start: %s",
		home->provider, home->hint);
}

bool key_home_open(const char *provider, struct key_home **ret, struct err *err)
{
	struct key_home *home = NULL;
	bool ok;

	for (size_t i = 0; i < ARRAY_LEN(homes); i++)
		if (strcmp(homes[i].provider, provider) == 0)
			home = &homes[i];
	if (!home)
		return err_set(err, ERR_UNSUPPORTED, "keys of provider \"%s\" are not supported",
			provider);
	pthread_mutex_lock(&homes_lock);
	ok = home->refs > 0 || home_open(home, err);
	if (ok)
		home->refs++;
	else
		home_close(home);
	pthread_mutex_unlock(&homes_lock);
	if (ok)
		*ret = home;
	return ok;
}

struct key_home *key_home_ref(struct key_home *home)
{
	if (!home)
		return NULL;
	pthread_mutex_lock(&homes_lock);
	home->refs++;
	pthread_mutex_unlock(&homes_lock);
	return home;
}

void key_home_unref(struct key_home **home)
{
	struct key_home *left = TAKE(*home);

	if (!left)
		return;
	pthread_mutex_lock(&homes_lock);
	if (--left->refs == 0)
		home_close(left);
	pthread_mutex_unlock(&homes_lock);
}

OSSL_LIB_CTX *key_home_context(const struct key_home *home)
{
	return home ? home->context : NULL;
}

const char *key_home_properties(const struct key_home *home)
{
	return home ? home->properties : NULL;
}

void key_home_lock(struct key_home *home)
{
	if (home)
		pthread_mutex_lock(&home->use);
}

void key_home_unlock(struct key_home *home)
{
	if (home)
		pthread_mutex_unlock(&home->use);
}
