/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: what stopped a function from doing its work, in words for a person.
 *
 * A fallible function returns a must-use bool, true = done, and takes a `struct err *` last. The
 * text grows from the root cause outwards: "evidence from host 3f…: TPMS_ATTEST: extraData:
 * truncated at offset 4 of 5". An error is never a verdict.
 */
#ifndef ASSAY_BASE_ERR_H
#define ASSAY_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define ERR_TEXT_MAX 1024

enum err_code {
	ERR_NONE = 0,
	ERR_USAGE, /* the caller asked for something that makes no sense: exit status 2 */
	ERR_IO, /* a file, descriptor or device failed */
	ERR_FORMAT, /* bytes that are not what they should be */
	ERR_LIMIT, /* more than a named maximum */
	ERR_CRYPTO, /* a primitive failed (not: a signature that does not verify) */
	ERR_MISMATCH, /* a signature, digest or identity that does not match */
	ERR_TPM, /* a TPM response code */
	ERR_NET, /* connection, TLS, HTTP */
	ERR_STORE, /* the database */
	ERR_CONFIG, /* a configuration, policy or spec file */
	ERR_DENIED, /* the caller may not do this */
	ERR_NOT_FOUND, /* a named thing does not exist */
	ERR_GONE, /* a named thing existed, and was destroyed */
	ERR_CONFLICT, /* a named thing exists already, or was changed by somebody else */
	ERR_BUSY, /* try again later */
	ERR_NOMEM, /* memory */
	ERR_UNSUPPORTED, /* this machine or build lacks it */
	ERR_INTERNAL, /* a state that cannot be */
	ERR_CODES
};

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX]; /* always NUL-terminated, printable: untrusted parts are escaped by
				    the caller */
	const void *place; /* what of the input it is about, as an address in what was loaded from
			      it; NULL: nobody said. Of use only to whoever loaded it (base/yaml.h) */
};

/* Sets code and text; is false, so that `return err_set(…)` reads as one step. err may be NULL. */
#define err_set(err, code, ...)                                                                    \
	({                                                                                         \
		err_put_set((err), (code), __VA_ARGS__);                                           \
		false;                                                                             \
	})
/* Puts context in front ("context: root cause"), keeps the code; is false. err may be NULL. */
#define err_wrap(err, ...)                                                                         \
	({                                                                                         \
		err_put_wrap((err), __VA_ARGS__);                                                  \
		false;                                                                             \
	})
/* Sets ERR_IO (ENOENT: ERR_NOT_FOUND, EACCES/EPERM: ERR_DENIED, ENOMEM: ERR_NOMEM) with
 * strerror(errno); is false. */
#define err_errno(err, error_number, ...)                                                          \
	({                                                                                         \
		err_put_errno((err), (error_number), __VA_ARGS__);                                 \
		false;                                                                             \
	})
/* Behind the macros, which let compilers and analysers see the result. */
void err_put_set(struct err *err, enum err_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void err_put_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void err_put_errno(struct err *err, int error_number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says what the error is about, unless somebody further in has said it already; is false. */
#define err_at(err, place)                                                                         \
	({                                                                                         \
		err_put_place((err), (place));                                                     \
		false;                                                                             \
	})
void err_put_place(struct err *err, const void *place);
/* The stable name of a code, "format". */
const char *err_code_name(enum err_code code);

#define must_use __attribute__((warn_unused_result))

#endif
