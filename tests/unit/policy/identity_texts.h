/* SPDX-License-Identifier: Apache-2.0 */
/* statement_identities and transparency_logs as a policy file has them, for the makers of Sigstore
 * bundles in tests/support. */
#ifndef ASSAY_TESTS_UNIT_POLICY_IDENTITY_TEXTS_H
#define ASSAY_TESTS_UNIT_POLICY_IDENTITY_TEXTS_H

#include "scene.h"
#include "tests/support/sigstore_make.h"

/* A text as a YAML block scalar below `indent` spaces. */
static inline void identity_put_block(struct buf *out, const struct buf *text, int indent)
{
	buf_put_str(out, "|\n");
	for (size_t at = 0; at < text->len;) {
		const char *line = (const char *)text->data + at;
		size_t n = strcspn(line, "\n");

		buf_printf(out, "%*s%.*s\n", indent, "", (int)n, line);
		at += n + 1;
	}
}

static inline void identity_put_cert(struct buf *out, const struct cert *cert, int indent)
{
	struct buf pem = {0};
	struct err err = {0};

	assert_ok(cert_pem(cert, &pem, &err), err);
	assert_non_null(buf_str(&pem));
	identity_put_block(out, &pem, indent);
	buf_release(&pem);
}

static inline void identity_put_log(struct buf *out, const struct sigstore_maker *m)
{
	buf_put_str(out, "transparency_logs:\n  - name: log.example\n    pem: ");
	scene_put_pem(out, m->log_key, 6);
}

/* One entry below "statement_identities:\n"; lines: the keys besides name and roots. */
static inline void identity_put(
	struct buf *out, const struct sigstore_maker *m, const char *name, const char *lines)
{
	buf_printf(out, "  - name: %s\n    roots: ", name);
	identity_put_cert(out, m->root, 6);
	buf_put_str(out, lines);
}

#endif
