/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests' operators do: policy, register, releases, join tokens. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "crypto/dsse.h"
#include "policy/policy.h"
#include "tests/support/verifierd.h"

/* ---- the policy ---- */

static void put_pem(struct buf *out, struct buf *pem, int indent)
{
	buf_put_str(out, "|\n");
	for (const char *line = buf_str(pem); line && *line;) {
		size_t n = strcspn(line, "\n");
		buf_printf(out, "%*s%.*s\n", indent, "", (int)n, line);
		line += n + (line[n] == '\n');
	}
}

static bool put_cert(struct buf *out, const struct cert *cert, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	if (!cert_pem(cert, &pem, err))
		return false;
	put_pem(out, &pem, 6);
	return true;
}

static bool put_key(struct buf *out, const struct key *key, int indent, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	if (!key_public_pem(key, &pem, err))
		return false;
	put_pem(out, &pem, indent);
	return true;
}

static bool put_people(const struct verifierd *v, struct buf *out, struct err *err)
{
	buf_put_str(out, "release_keys:\n  - name: builder\n    pem: ");
	if (!put_key(out, v->builder, 6, err))
		return false;
	buf_put_str(out, "approvers:\n  - person: alice\n    roles: [model-risk]\n    keys:\n"
			 "      - ");
	if (!put_key(out, v->alice, 8, err))
		return false;
	buf_put_str(out, "  - person: bob\n    roles: [security]\n    keys:\n      - ");
	return put_key(out, v->bob, 8, err);
}

bool verifierd_policy(const struct verifierd *v, int version, const char *extra, struct err *err)
{
	static const char classes[] =
		"risk_classes:\n"
		"  - name: low\n    approvals: [ {role: model-risk, count: 1} ]\n"
		"    credential_lifetime: 10m\n"
		"  - name: tpm\n    approvals: [ {role: model-risk, count: 1} ]\n"
		"    credential_lifetime: 10m\n    key: tpm\n";
	OWNED(buf_release) struct buf out = {0};
	char path[128];
	buf_printf(&out,
		"policy: 1\nversion: %d\ntrust_domain: " VERIFIERD_DOMAIN
		"\nek_roots:\n  - name: maker\n    pem: ",
		version);
	if (!put_cert(&out, v->maker.root, err))
		return false;
	buf_put_str(&out, "ek_intermediates:\n  - name: maker-2\n    pem: ");
	if (!put_cert(&out, v->maker.intermediate, err) || !put_people(v, &out, err))
		return false;
	buf_put_str(&out, classes);
	buf_put_str(&out, extra);
	(void)snprintf(path, sizeof(path), "%s/v/policy.yaml", v->dir);
	return buf_ok(&out, err) && file_write_atomic(path, buf_bytes(&out), 0600, err);
}

bool verifierd_configure(const struct verifierd *v, const char *lines, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/v/verifierd.yaml", v->dir);
	if (!file_read(path, 65536, &text, err))
		return false;
	buf_put_str(&text, lines);
	return buf_ok(&text, err) && file_write_atomic(path, buf_bytes(&text), 0600, err);
}

/* ---- requests ---- */

bool verifierd_call(struct verifierd *v, const char *path, const char *type, struct bytes body,
	int *ret_status, struct buf *answer, struct err *err)
{
	buf_clear(answer);
	return client_request(v->admin, path, type, body, answer, ret_status, err);
}

bool verifierd_json(struct verifierd *v, const char *path, const char *body, int wanted,
	struct buf *answer, struct err *err)
{
	OWNED(buf_release) struct buf own = {0};
	struct buf *to = answer ? answer : &own;
	int status = 0;
	if (!verifierd_call(v, path, "application/json", bytes_str(body), &status, to, err))
		return false;
	if (status != wanted)
		return err_set(err, ERR_NET, "%s: %d, wanted %d: %.300s", path, status, wanted,
			buf_str(to));
	return true;
}

bool verifierd_token(struct verifierd *v, char **ret, struct err *err)
{
	OWNED(buf_release) struct buf answer = {0};
	json_t *root = NULL;
	if (!verifierd_json(v, "/v1/join-tokens", "{}", 201, &answer, err) ||
		!json_open(buf_bytes(&answer), JSON_INPUT_MAX, &root, err))
		return false;
	const char *token = json_string_value(json_object_get(root, "token"));
	*ret = token ? strdup(token) : NULL;
	json_decref(root);
	return *ret ? true : err_set(err, ERR_FORMAT, "no token in the answer");
}

bool verifierd_host(struct verifierd *v, struct sw_host **ret, struct err *err)
{
	OWNED(sw_host_free) struct sw_host *host = NULL;
	OWNED(free_ptr) char *token = NULL;
	if (!sw_host_new(&v->maker, &host, err) ||
		!sw_host_connect(host, v->url, buf_bytes(&v->ca_pem), err) ||
		!verifierd_token(v, &token, err) || !sw_host_enroll(host, token, err))
		return false;
	if (host->state != HOST_ACTIVE)
		return err_set(err, ERR_DENIED, "the host is %s", host_state_name(host->state));
	*ret = TAKE(host);
	return true;
}

bool verifierd_certificate(const struct verifierd *v, const char *uri, const struct key *key,
	int64_t not_before, int64_t not_after, struct cert **ret, struct err *err)
{
	struct cert_request request = {.uri = uri,
		.subject = key,
		.not_before = not_before,
		.not_after = not_after,
		.client_auth = true};
	return cert_issue(&request, v->ca, v->ca_key, ret, err);
}

/* ---- releases ---- */

#define TEXT(literal) ((char *)(uintptr_t)(literal))

bool verifierd_release_envelope(const struct verifierd *v, struct sw_workload *workload,
	const char *class_name, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf statement = {0};
	struct release_component components[SW_COMPONENTS];
	struct release release = {.name = TEXT("agent"),
		.version = TEXT("1.0.0"),
		.workload = TEXT(workload->name),
		.owner = TEXT("tests"),
		.author = TEXT("dave"),
		.purpose = TEXT("is attacked"),
		.risk_class = TEXT(class_name),
		.components = components,
		.component_count = SW_COMPONENTS};
	memset(release.spec, workload->seed, sizeof(release.spec));
	for (unsigned i = 0; i < SW_COMPONENTS; i++) {
		components[i] = (struct release_component){.name = TEXT(sw_component_names[i]),
			.role = TEXT(sw_component_roles[i]),
			.path = TEXT("/opt/agent"),
			.kind = COMPONENT_SHA256,
			.size = 100,
			.files = 1};
		memset(components[i].digest, workload->seed + (int)i, SHA256_LEN);
	}
	return release_statement(&release, &statement, err) &&
	       sha256_of(buf_bytes(&statement), workload->release, err) &&
	       dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), v->builder, out, err);
}

static bool clause_of(
	const struct verifierd *v, const char *class_name, uint8_t out[SHA256_LEN], struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(policy_free) struct policy *policy = NULL;
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/v/policy.yaml", v->dir);
	if (!file_read(path, POLICY_TEXT_MAX, &text, err) ||
		!policy_parse(buf_bytes(&text), "policy.yaml", &policy, err))
		return false;
	const struct policy_class *found = policy_class_find(policy, bytes_str(class_name));
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no class %s", class_name);
	memcpy(out, found->clause, SHA256_LEN);
	return true;
}

bool verifierd_approval(const struct verifierd *v, const struct sw_workload *workload,
	const char *class_name, struct approval *ret, struct err *err)
{
	int64_t now = clock_wall(&clock_system);
	*ret = (struct approval){.environment = TEXT("prod"),
		.person = TEXT("alice"),
		.role = TEXT("model-risk"),
		.reason = TEXT("tested"),
		.issued = now - 10,
		.expires = now + 86400};
	memcpy(ret->release, workload->release, sizeof(ret->release));
	return clause_of(v, class_name, ret->clause, err);
}

bool verifierd_approval_envelope(const struct verifierd *v, const struct approval *approval,
	struct key *key, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf statement = {0};
	return approval_statement(approval, &statement, err) &&
	       dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key ? key : v->alice, out, err);
}

static bool post_dsse(
	struct verifierd *v, const char *path, const struct buf *envelope, struct err *err)
{
	OWNED(buf_release) struct buf answer = {0};
	int status = 0;
	if (!verifierd_call(v, path, MEDIA_DSSE, buf_bytes(envelope), &status, &answer, err))
		return false;
	if (status != 201)
		return err_set(err, ERR_NET, "%s: %d: %.300s", path, status, buf_str(&answer));
	return true;
}

bool verifierd_publish(
	struct verifierd *v, struct sw_workload *workload, const char *class_name, struct err *err)
{
	OWNED(buf_release) struct buf body = {0}, release = {0}, envelope = {0};
	struct approval approval;
	buf_printf(&body,
		"{\"name\":\"%s\",\"risk_class\":\"%s\",\"environment\":\"prod\",\"owner\":"
		"\"tests\",\"purpose\":\"is attacked\"}",
		workload->name, class_name);
	return buf_str(&body) &&
	       verifierd_json(v, "/v1/workloads", buf_str(&body), 201, NULL, err) &&
	       verifierd_release_envelope(v, workload, class_name, &release, err) &&
	       post_dsse(v, "/v1/releases", &release, err) &&
	       verifierd_approval(v, workload, class_name, &approval, err) &&
	       verifierd_approval_envelope(v, &approval, NULL, &envelope, err) &&
	       post_dsse(v, "/v1/approvals", &envelope, err);
}
