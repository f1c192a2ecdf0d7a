/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: what `assay --help` prints, in this order. */
#include "cli/commands.h"

const struct command *const commands[] = {
	&cmd_enroll,
	&cmd_run,
	&cmd_status,
	&cmd_doctor,
	&cmd_measure,
	&cmd_release_create,
	&cmd_release_sign,
	&cmd_release_approve,
	&cmd_release_withdraw,
	&cmd_release_publish,
	&cmd_release_revoke,
	&cmd_release_show,
	&cmd_release_list,
	&cmd_workload_add,
	&cmd_workload_list,
	&cmd_workload_retire,
	&cmd_host_invite,
	&cmd_host_list,
	&cmd_host_show,
	&cmd_host_confirm,
	&cmd_host_quarantine,
	&cmd_host_retire,
	&cmd_record_list,
	&cmd_record_get,
	&cmd_audit,
	&cmd_whoami,
	&cmd_quote_verify,
	&cmd_ek_verify,
	&cmd_dsse_verify,
	&cmd_model_digest,
	&cmd_log_inclusion,
	&cmd_log_consistency,
};
const size_t command_count = ARRAY_LEN(commands);
