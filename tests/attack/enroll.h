/* SPDX-License-Identifier: Apache-2.0 */
/* What the attacks on enrolment share: refused attempts, and what the store holds afterwards. */
#ifndef ASSAY_TESTS_ATTACK_ENROLL_H
#define ASSAY_TESTS_ATTACK_ENROLL_H

#include <sqlite3.h>

#include "tests/attack/attack.h"

/* ---- the store, as it lies on disk ---- */

/* All columns of one row of hosts, or "" when there is none; to be freed. */
static inline char *host_row(const uint8_t id[HOST_ID_LEN])
{
	char path[128];
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	(void)snprintf(path, sizeof(path), "%s/v/verifier.db", attack.v.dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
			"SELECT hex(ek_public)||hex(ak_public)||hex(ak_name)||hex(ek_certs)"
			"||hex(ek_leaf)||ek_template||manufacturer||name||enrolled||epoch||"
			"state||version FROM hosts WHERE id=?1",
			-1, &q, NULL),
		SQLITE_OK);
	(void)sqlite3_bind_blob(q, 1, id, HOST_ID_LEN, SQLITE_STATIC);
	char *text = strdup(
		sqlite3_step(q) == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : "");
	(void)sqlite3_finalize(q);
	(void)sqlite3_close(db);
	return text;
}

static inline void assert_no_row(const struct sw_host *host)
{
	char *row = host_row(host->id);
	assert_string_equal(row, "");
	free(row);
}

/* With a token that is good: only the attack stands in the way. */
static inline void refused(struct sw_host *host, enum err_code code, const char *text)
{
	char *token = NULL;
	assert_ok(verifierd_token(&attack.v, &token, &attack.err), attack.err);
	attack.err = (struct err){0};
	bool enrolled = sw_host_enroll(host, token, &attack.err);
	free(token);
	if (enrolled)
		fail_msg("enrolled, wanted: %s", text);
	if (attack.err.code != code || !strstr(attack.err.text, text))
		fail_msg("%s: %s, wanted: %s", err_code_name(attack.err.code), attack.err.text,
			text);
}

static inline void refused_and_absent(struct sw_host **host, enum err_code code, const char *text)
{
	refused(*host, code, text);
	assert_no_row(*host);
	sw_host_free(host);
}

#endif
