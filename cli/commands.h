/* SPDX-License-Identifier: Apache-2.0 */
/* Every command, one declaration each; commands.c puts them into the table. */
#ifndef ASSAY_CLI_COMMANDS_H
#define ASSAY_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct command cmd_enroll, cmd_run, cmd_status, cmd_stop, cmd_doctor, cmd_measure;
extern const struct command cmd_release_create, cmd_release_sign, cmd_release_approve,
	cmd_release_withdraw, cmd_release_withdraw_statement, cmd_release_publish,
	cmd_release_revoke, cmd_release_show, cmd_release_list, cmd_release_checklist,
	cmd_release_diff, cmd_gate;
extern const struct command cmd_rollout_start, cmd_rollout_status, cmd_rollout_promote,
	cmd_rollout_halt, cmd_rollout_rollback;
extern const struct command cmd_workload_add, cmd_workload_list, cmd_workload_show,
	cmd_workload_export, cmd_workload_review, cmd_workload_retire;
extern const struct command cmd_compliance_report;
extern const struct command cmd_host_invite, cmd_host_list, cmd_host_show, cmd_host_confirm,
	cmd_host_quarantine, cmd_host_retire, cmd_host_attributes;
extern const struct command cmd_instance_list, cmd_instance_show, cmd_instance_history;
extern const struct command cmd_retention_status, cmd_retention_sweep, cmd_hold_set, cmd_hold_list,
	cmd_hold_lift, cmd_entry_export, cmd_entry_verify, cmd_entry_redact;
extern const struct command cmd_webhook_list, cmd_webhook_show, cmd_webhook_retry, cmd_webhook_test;
extern const struct command cmd_record_get, cmd_record_list, cmd_audit;
extern const struct command cmd_record_get, cmd_record_export, cmd_record_list, cmd_audit;
extern const struct command cmd_record_get, cmd_record_list, cmd_audit, cmd_audit_timeline;
extern const struct command cmd_record_get, cmd_record_list, cmd_record_show, cmd_audit,
	cmd_audit_timeline, cmd_audit_package;
extern const struct command cmd_quote_verify, cmd_ek_verify, cmd_dsse_verify, cmd_model_digest,
	cmd_model_sign, cmd_model_verify, cmd_log_inclusion, cmd_log_consistency, cmd_log_key,
	cmd_log_witness, cmd_log_feed, cmd_log_monitor, cmd_whoami;
extern const struct command cmd_firmware_replay, cmd_firmware_show, cmd_firmware_diff,
	cmd_firmware_secureboot;
extern const struct command cmd_ima_replay, cmd_ima_show, cmd_ima_check;
extern const struct command cmd_provenance_verify;
extern const struct command cmd_record_redact, cmd_record_receipt, cmd_receipt_verify,
	cmd_log_proof, cmd_log_verify_proof, cmd_credential_check, cmd_log_attest,
	cmd_log_verify_quote;
extern const struct command cmd_firmware_predict, cmd_firmware_learn, cmd_firmware_check;
extern const struct command cmd_floor_sign, cmd_floor_publish, cmd_floor_show;
extern const struct command cmd_elevate_request, cmd_elevate_approve, cmd_elevate_deny,
	cmd_elevate_publish, cmd_elevate_list, cmd_elevate_show, cmd_elevate_revoke;
extern const struct command cmd_rollback_approve, cmd_workload_rollback;
extern const struct command cmd_policy_sign, cmd_policy_check, cmd_policy_explain, cmd_policy_diff,
	cmd_policy_test, cmd_policy_shadow, cmd_policy_shadow_end, cmd_policy_stage,
	cmd_policy_status, cmd_policy_activate, cmd_policy_withdraw, cmd_policy_list,
	cmd_policy_show, cmd_policy_rollback;
extern const struct command cmd_incident_open, cmd_incident_attach, cmd_incident_close,
	cmd_incident_list, cmd_incident_show;

#endif
