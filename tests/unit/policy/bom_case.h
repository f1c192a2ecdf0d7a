/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of BOMs, edited and read. Each test of one is one program, so what it holds is static. */
#ifndef ASSAY_TESTS_UNIT_POLICY_BOM_CASE_H
#define ASSAY_TESTS_UNIT_POLICY_BOM_CASE_H

#include "tests/support/unit.h"

#include "bom_texts.h"
#include "crypto/dsse.h"
#include "policy/bom.h"

static struct {
	const char *type; /* predicate type */
	struct buf text;
	struct bom *bom;
	struct err err;
} t;

static inline void case_teardown(void)
{
	buf_release(&t.text);
	bom_free(&t.bom);
}

static inline bool case_read(const char *document, struct err *err)
{
	json_t *root = NULL;
	bool ok;

	bom_free(&t.bom);
	ok = json_open(bytes_str(document), DSSE_PAYLOAD_MAX, &root, err) &&
	     bom_read(t.type, root, &t.bom, err);
	json_decref(root);
	return ok;
}

/* The document, which may be an edited one, with the first occurrence replaced. */
static inline const char *case_edit(const char *document, const char *from, const char *to)
{
	const char *at = strstr(document, from);
	struct buf made = {0};

	if (!at)
		fail_msg("\"%s\" is not in the document", from);
	buf_printf(&made, "%.*s%s%s", (int)(at - document), document, to, at + strlen(from));
	assert_ok(buf_ok(&made, &t.err), t.err);
	buf_release(&t.text);
	t.text = made;
	return buf_str(&t.text);
}

static inline void case_accepted(const char *document, const char *from, const char *to)
{
	assert_ok(case_read(case_edit(document, from, to), &t.err), t.err);
}

static inline void case_refused(
	const char *document, const char *from, const char *to, const char *why)
{
	assert_fails(case_read(case_edit(document, from, to), &t.err), t.err, ERR_FORMAT, why);
	assert_null(t.bom);
}

#endif
