/* SPDX-License-Identifier: Apache-2.0 */
/* One software TPM per test program, and an open struct tpm on it per test, through a TCTI that can
 * fail. */
#ifndef ASSAY_TESTS_UNIT_ATTEST_TPM_FIXTURE_H
#define ASSAY_TESTS_UNIT_ATTEST_TPM_FIXTURE_H

#include <stdlib.h>

#include "attest/tpm_esys.h"
#include "tests/support/swtpm.h"
#include "tests/support/tcti_fault.h"
#include "tests/support/unit.h"

#define SKIP_NAME "swtpm, swtpm_setup or swtpm_localca is not installed"

struct tpm_fixture {
	struct esys_source source; /* first */
	struct swtpm swtpm;
	struct tcti_fault fault;
	TSS2_TCTI_CONTEXT *inner;
	unsigned pauses, paused_ms;
	struct tpm *tpm;
	struct err err;
};

static inline bool fixture_connect(const struct esys_source *source, const char *tcti,
	TSS2_TCTI_CONTEXT **ret, struct err *err)
{
	struct tpm_fixture *f = (struct tpm_fixture *)(uintptr_t)source;
	struct tcti_fault armed = f->fault;

	if (!esys_source_tctildr.connect(&esys_source_tctildr, tcti, &f->inner, err))
		return false;
	tcti_fault_init(&f->fault, f->inner);
	f->fault.command = armed.command;
	f->fault.times = armed.times;
	f->fault.skip = armed.skip;
	f->fault.response = armed.response;
	f->fault.broken = armed.broken;
	f->fault.before = armed.before;
	f->fault.answer = armed.answer;
	f->fault.handle = armed.handle;
	*ret = (TSS2_TCTI_CONTEXT *)&f->fault;
	return true;
}

static inline void fixture_disconnect(const struct esys_source *source, TSS2_TCTI_CONTEXT **tcti)
{
	struct tpm_fixture *f = (struct tpm_fixture *)(uintptr_t)source;

	esys_source_tctildr.disconnect(&esys_source_tctildr, &f->inner);
	*tcti = NULL;
}

static inline void fixture_pause(const struct esys_source *source, unsigned ms)
{
	struct tpm_fixture *f = (struct tpm_fixture *)(uintptr_t)source;

	f->pauses++;
	f->paused_ms += ms;
}

static inline int fixture_group_setup(void **state)
{
	struct tpm_fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->source = (struct esys_source){fixture_connect, fixture_disconnect, fixture_pause};
	*state = f;
	if (!swtpm_available()) {
		print_message("%s\n", SKIP_NAME);
		return 0;
	}
	if (swtpm_start(NULL, &f->swtpm, &f->err))
		return 0;
	print_error("%s\n", f->err.text);
	return -1;
}

static inline int fixture_group_teardown(void **state)
{
	struct tpm_fixture *f = *state;

	swtpm_stop(&f->swtpm);
	free(f);
	return 0;
}

static inline bool fixture_open(struct tpm_fixture *f, const char *owner, const char *endorsement)
{
	struct tpm_options options = {.tcti = f->swtpm.tcti,
		.owner_auth = bytes_str(owner),
		.endorsement_auth = bytes_str(endorsement)};

	return esys_open(&options, &f->source, &f->tpm, &f->err);
}

static inline int fixture_setup(void **state)
{
	struct tpm_fixture *f = *state;

	memset(&f->fault, 0, sizeof(f->fault));
	f->pauses = f->paused_ms = 0;
	f->err = (struct err){0};
	if (f->swtpm.directory[0] == '\0')
		return 0;
	if (f->swtpm.pid == 0 && !swtpm_power_on(&f->swtpm, &f->err))
		return -1;
	if (fixture_open(f, "", ""))
		return 0;
	print_error("%s\n", f->err.text);
	return -1;
}

static inline int fixture_teardown(void **state)
{
	struct tpm_fixture *f = *state;

	memset(&f->fault.command, 0, sizeof(f->fault) - offsetof(struct tcti_fault, command));
	tpm_free(&f->tpm);
	return 0;
}

/* The fixture, or skip() by name. */
static inline struct tpm_fixture *fixture_of(void **state)
{
	struct tpm_fixture *f = *state;

	if (f->swtpm.directory[0] == '\0') {
		print_message("skipped: %s\n", SKIP_NAME);
		skip();
	}
	return f;
}

/* Arms the fault for commands of a code. */
static inline void fixture_respond(
	struct tpm_fixture *f, uint32_t command, unsigned times, uint32_t response)
{
	f->fault.command = command;
	f->fault.times = times;
	f->fault.response = response;
	f->fault.seen = 0;
}

#define TPM_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
