/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl_error.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

/* Where memory ran out, OpenSSL often says that the key, the certificate or the signature is wrong. So its allocator
 * remembers, until the failure is judged. */
static _Thread_local bool starved;

static void *take_memory(size_t size, const char *file, int line)
{
	void *taken = malloc(size);

	(void)file;
	(void)line;
	starved = starved || !taken;
	return taken;
}

static void give_memory(void *taken, const char *file, int line)
{
	(void)file;
	(void)line;
	free(taken);
}

static void *change_memory(void *taken, size_t size, const char *file, int line)
{
	void *changed;

	if (size == 0) {
		give_memory(taken, file, line);
		return NULL;
	}
	changed = realloc(taken, size);
	starved = starved || !changed;
	return changed;
}

/* OpenSSL takes an allocator only before its first allocation. A process in which somebody was earlier is told less well
 * what went wrong, and that is all. */
__attribute__((constructor)) static void watch_memory(void)
{
	(void)CRYPTO_set_mem_functions(take_memory, change_memory, give_memory);
}

static bool memory_ran_out(void)
{
	bool ran_out = starved;

	starved = false;
	return ran_out;
}

bool openssl_fail(struct err *err, enum err_code code, const char *what)
{
	unsigned long first = ERR_get_error();
	const char *reason = first ? ERR_reason_error_string(first) : NULL;

	ERR_clear_error();
	if (memory_ran_out() || ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE)
		return err_set(err, ERR_NOMEM, "%s: out of memory", what);
	return err_set(err, code, "%s: %s", what, reason ? reason : "OpenSSL gives no reason");
}

bool openssl_answer(struct err *err, const char *what)
{
	ERR_clear_error();
	return !memory_ran_out() || err_set(err, ERR_NOMEM, "%s: out of memory", what);
}

void openssl_forget(void)
{
	ERR_clear_error();
}

void openssl_begin(void)
{
	ERR_clear_error();
	starved = false;
}
