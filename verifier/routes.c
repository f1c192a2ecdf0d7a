/* SPDX-License-Identifier: Apache-2.0 */
/* Every route, who may call it, how large its body may be. docs/openapi.yaml describes the same; a
 * test compares them. */
#include "policy/elevation.h"
#include "policy/security_floor.h"
#include "verifier/admission.h"
#include "verifier/app.h"
#include "verifier/incidents.h"
#include "verifier/revocation.h"

#define JSON_TYPE      "application/json"
#define JSON_MAX       (16u << 10)
#define ENROLL_MAX     (256u << 10)
#define CHALLENGE_BODY 1024u
#define DSSE_MAX       (6u << 20)
#define READERS        (ROLE_ADMIN | ROLE_AUDITOR)
#define EVERY_OPERATOR (ROLE_ADMIN | ROLE_AUDITOR | ROLE_CI)

#define GET(path, who, function)                                                                   \
	{                                                                                          \
		.method = HTTP_GET, .pattern = (path), .roles = (who), .serve = (function)         \
	}
#define POST(path, who, type, max, function)                                                       \
	{                                                                                          \
		.method = HTTP_POST, .pattern = (path), .roles = (who), .content_type = (type),    \
		.body_max = (max), .serve = (function)                                             \
	}

const struct route app_routes[] = {
	/* Never behind anything else: who asks wants to know just that. */
	{.method = HTTP_GET, .pattern = "/healthz", .serve = serve_health, .at_once = true},
	{.method = HTTP_GET, .pattern = "/readyz", .serve = serve_ready, .at_once = true},
	GET("/v1/bundle", 0, serve_bundle),
	GET("/v1/jwks", 0, serve_jwks),
	GET("/v1/whoami", ROLE_ANY_CERTIFICATE, serve_whoami),

	POST("/v1/enroll/begin", 0, MEDIA_MESSAGE, ENROLL_MAX, serve_enroll_begin),
	POST("/v1/enroll/finish", 0, MEDIA_MESSAGE, ENROLL_MAX, serve_enroll_finish),
	POST("/v1/challenge", ROLE_HOST, MEDIA_MESSAGE, CHALLENGE_BODY, serve_challenge),
	{
		.method = HTTP_POST,
		.pattern = "/v1/attest",
		.roles = ROLE_HOST,
		.content_type = MEDIA_EVIDENCE,
		.body_max = EVIDENCE_MAX,
		.serve = serve_attest,
		.later = true,
	},

	POST("/v1/join-tokens", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_join_token),
	GET("/v1/hosts", READERS, serve_hosts),
	GET("/v1/hosts/{id}", READERS, serve_host),
	POST("/v1/hosts/{id}/confirm", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_host_confirm),
	POST("/v1/hosts/{id}/quarantine", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_host_quarantine),
	POST("/v1/hosts/{id}/retire", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_host_retire),
	POST("/v1/hosts/{id}/attributes", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_host_attributes),

	{
		.method = HTTP_GET,
		.pattern = "/v1/events",
		.roles = READERS,
		.serve = serve_events,
		.later = true,
	},
	GET("/v1/webhooks", READERS, serve_webhooks),
	GET("/v1/webhooks/{name}", READERS, serve_webhook),
	POST("/v1/webhooks/{name}/retry", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_webhook_retry),
	POST("/v1/webhooks/{name}/test", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_webhook_test),
	GET("/v1/instances", READERS, serve_instances),
	GET("/v1/instances/{host}/{instance}", READERS, serve_instance),

	POST("/v1/workloads", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_workload_add),
	GET("/v1/workloads", EVERY_OPERATOR, serve_workloads),
	GET("/v1/workloads/{name}", EVERY_OPERATOR, serve_workload),
	POST("/v1/workloads/{name}/review", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_workload_review),
	POST("/v1/workloads/{name}/retire", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_workload_retire),
	POST("/v1/workloads/{name}/rollback", ROLE_ADMIN, JSON_TYPE, ROLLBACK_MAX, serve_rollback),
	GET("/v1/workloads/{name}/security-floor", EVERY_OPERATOR, serve_security_floor_get),
	POST("/v1/security-floors", ROLE_ADMIN, MEDIA_DSSE, SECURITY_FLOOR_ENVELOPE_MAX,
		serve_security_floor),

	POST("/v1/releases", ROLE_CI | ROLE_ADMIN, MEDIA_DSSE, DSSE_MAX, serve_release_publish),
	GET("/v1/releases", EVERY_OPERATOR, serve_releases),
	GET("/v1/releases/{digest}", EVERY_OPERATOR, serve_release),
	POST("/v1/releases/{digest}/revoke", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_release_revoke),
	GET("/v1/releases/{digest}/gate", EVERY_OPERATOR, serve_release_gate),
	POST("/v1/releases/{digest}/statements", ROLE_CI | ROLE_ADMIN, MEDIA_DSSE,
		STATEMENTS_BYTES_MAX, serve_statement),
	POST("/v1/approvals", ROLE_CI | ROLE_ADMIN, MEDIA_DSSE, DSSE_MAX, serve_approval),

	POST("/v1/elevations", ROLE_CI | ROLE_ADMIN | ROLE_WORKLOAD, JSON_TYPE, JSON_MAX,
		serve_elevation_ask),
	GET("/v1/elevations", EVERY_OPERATOR, serve_elevations),
	GET("/v1/elevations/{id}", EVERY_OPERATOR, serve_elevation),
	POST("/v1/elevations/{id}/words", ROLE_CI | ROLE_ADMIN, MEDIA_DSSE, ELEVATION_ENVELOPE_MAX,
		serve_elevation_word),
	POST("/v1/elevations/{id}/revoke", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_elevation_revoke),

	POST("/v1/rollouts", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_rollout_start),
	GET("/v1/rollouts", EVERY_OPERATOR, serve_rollouts),
	GET("/v1/rollouts/{workload}", EVERY_OPERATOR, serve_rollout),
	POST("/v1/rollouts/{workload}/promote", ROLE_ADMIN, JSON_TYPE, JSON_MAX,
		serve_rollout_promote),
	POST("/v1/rollouts/{workload}/halt", ROLE_CI | ROLE_ADMIN, JSON_TYPE, JSON_MAX,
		serve_rollout_halt),
	POST("/v1/rollouts/{workload}/rollback", ROLE_ADMIN, JSON_TYPE, JSON_MAX,
		serve_rollout_rollback),

	POST("/v1/kubernetes/admission", ROLE_ADMISSION, JSON_TYPE, ADMISSION_REVIEW_MAX,
		serve_admission),

	GET("/v1/records", READERS, serve_records),
	GET("/v1/records/{id}", READERS, serve_record),
	GET("/v1/records/{id}/bundle", READERS, serve_record_bundle),
	GET("/v1/retention", READERS, serve_retention),
	POST("/v1/retention/sweep", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_retention_sweep),
	GET("/v1/entries/{index}/proof", READERS, serve_entry_export),
	POST("/v1/entries/{index}/redact", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_entry_redact),
	GET("/v1/holds", READERS, serve_holds),
	POST("/v1/holds", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_hold_set),
	POST("/v1/holds/{id}/lift", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_hold_lift),
	GET("/v1/entries", READERS, serve_entries),
	GET("/v1/objects/{digest}", READERS, serve_object),
	POST("/v1/incidents", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_incident_open),
	GET("/v1/incidents", READERS, serve_incidents),
	GET("/v1/incidents/{id}", READERS, serve_incident),
	POST("/v1/incidents/{id}/attach", ROLE_ADMIN, JSON_TYPE, INCIDENT_BODY_MAX,
		serve_incident_attach),
	POST("/v1/incidents/{id}/close", ROLE_ADMIN, JSON_TYPE, JSON_MAX, serve_incident_close),
	GET("/v1/entries/{index}", READERS, serve_entry),
	GET("/v1/records/{id}/receipt", READERS, serve_record_receipt),
	GET("/v1/records/{id}/proof", READERS, serve_record_proof),
	GET("/v1/records/{id}/statement", READERS, serve_record_statement),
	GET("/v1/policy", READERS, serve_policy),
	POST("/v1/policies", ROLE_ADMIN, MEDIA_DSSE, POLICY_ENVELOPE_MAX, serve_policy_stage),
	GET("/v1/policies", READERS, serve_policies),
	GET("/v1/policies/{version}", READERS, serve_policy_text),
	GET("/v1/policies/{version}/signature", READERS, serve_policy_signature),
	GET("/v1/policies/{version}/differences", READERS, serve_policy_differences),
	POST("/v1/policies/{version}/activate", ROLE_ADMIN, JSON_TYPE, JSON_MAX,
		serve_policy_activate),
	POST("/v1/policies/{version}/withdraw", ROLE_ADMIN, JSON_TYPE, JSON_MAX,
		serve_policy_withdraw),
	POST("/v1/shadow", READERS, "application/yaml", POLICY_TEXT_MAX, serve_shadow_start),
	GET("/v1/shadow", READERS, serve_shadow),
	POST("/v1/shadow/{job}/end", READERS, JSON_TYPE, JSON_MAX, serve_shadow_end),

	/* Leaves tell nothing but that something happened: they are public. */
	GET("/log/checkpoint", 0, serve_checkpoint),
	GET("/log/latest", 0, serve_checkpoint_latest),
	POST("/v1/log/cosigned", EVERY_OPERATOR, "text/plain", NOTE_MAX, serve_cosigned),
	POST("/v1/log/quoted", ROLE_ADMIN, MEDIA_CHECKPOINT_QUOTE, CHECKPOINT_QUOTE_MAX,
		serve_log_quoted),
	GET("/log/quote", 0, serve_log_quote),
	GET("/log/tile/{path*}", 0, serve_tile),
	GET("/log/receipt/{leaf}", 0, serve_log_receipt),
	GET("/log/proof/{leaf}", 0, serve_log_proof),
	GET("/log/consistency/{size}", 0, serve_log_consistency),
	GET("/log/receipt-key", 0, serve_receipt_key),

	/* So is what was revoked: whoever is shown a credential may ask. */
	GET("/crl", 0, serve_crl),
	GET("/crl/{ca}", 0, serve_crl_of),
	POST("/ocsp", 0, MEDIA_OCSP_REQUEST, OCSP_REQUEST_MAX, serve_ocsp),
	GET("/ocsp/{request*}", 0, serve_ocsp_get),
	GET("/status/{list}", 0, serve_status_list),
};

size_t app_route_count(void)
{
	return ARRAY_LEN(app_routes);
}
