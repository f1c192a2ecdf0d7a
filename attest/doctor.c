/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

#define IMA_COUNT_PATH "/sys/kernel/security/ima/runtime_measurements_count"
#define FIRMWARE_PATH  "/sys/kernel/security/tpm0/binary_bios_measurements"
#define DEFAULT_PCR    15u

/* One examination under way: the TPM is open, or why it is not stands in the report. */
struct examination {
	const struct doctor_options *options;
	struct doctor_report *report;
	struct tpm *tpm;
};

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_MISSING] = "missing"};
	return (unsigned)level < ARRAY_LEN(names) ? names[level] : "unknown";
}

static void item(struct doctor_report *report, const char *name, enum doctor_level level,
	const char *found, const char *todo)
{
	if (report->count == DOCTOR_ITEMS_MAX)
		return;
	struct doctor_item *entry = &report->items[report->count++];
	entry->name = name;
	entry->level = level;
	(void)text_escape(bytes_str(found), entry->found, sizeof(entry->found));
	(void)snprintf(entry->todo, sizeof(entry->todo), "%s", level == DOCTOR_OK ? "" : todo);
}

/* ---- the TPM ---- */

static void examine_tpm(struct examination *e)
{
	struct err err = {0};
	const struct tpm_options options = {
		.tcti = e->options->tcti,
		.owner_auth = e->options->owner_auth,
		.endorsement_auth = e->options->endorsement_auth,
	};
	struct tpm_properties properties;
	char found[256];
	if (!tpm_open(&options, &e->tpm, &err)) {
		item(e->report, "tpm", DOCTOR_MISSING, err.text,
			err.code == ERR_DENIED
				? "give this user the group of the device (tss), or run as root"
				: "name the TPM with --tcti, as hostd.yaml does");
		return;
	}
	if (!tpm_properties(e->tpm, &properties, &err)) {
		item(e->report, "tpm", DOCTOR_MISSING, err.text,
			"the TPM does not answer: power-cycle the machine");
		return;
	}
	(void)snprintf(found, sizeof(found), "%s %s, firmware %" PRIu64 ".%" PRIu64 "%s",
		properties.manufacturer, properties.vendor, properties.firmware_version >> 48,
		properties.firmware_version >> 32 & 0xffff,
		properties.resource_manager ? ", with a resource manager"
					    : ", no resource manager");
	item(e->report, "tpm", DOCTOR_OK, found, "");
	if (properties.in_lockout)
		item(e->report, "lockout", DOCTOR_MISSING,
			"the TPM is locked after wrong passwords",
			"wait, or reset it: tpm2_dictionarylockout --clear-lockout");
	bool sha256 = false;
	for (size_t i = 0; i < properties.bank_count; i++)
		sha256 = sha256 || properties.banks[i] == DIGEST_SHA256;
	item(e->report, "pcr-bank", sha256 ? DOCTOR_OK : DOCTOR_MISSING,
		sha256 ? "the SHA-256 bank is allocated" : "no SHA-256 bank is allocated",
		"allocate it (tpm2_pcrallocate sha256:all) and reboot");
}

static void examine_clock(struct examination *e)
{
	struct tpm_clock clock;
	struct err err = {0};
	char found[256], time[TIME_TEXT_MAX];
	if (e->tpm && tpm_clock(e->tpm, &clock, &err)) {
		(void)snprintf(found, sizeof(found),
			"reset count %" PRIu32 ", restart count %" PRIu32 ", clock %" PRIu64
			" s, %s",
			clock.reset_count, clock.restart_count, clock.clock / 1000,
			clock.safe ? "safe" : "not safe");
		item(e->report, "tpm-clock", clock.safe ? DOCTOR_OK : DOCTOR_WARN, found,
			"the last stop was not clean; it becomes safe by itself, a risk class may "
			"ask for it");
	} else if (e->tpm) {
		item(e->report, "tpm-clock", DOCTOR_MISSING, err.text,
			"the TPM does not answer: power-cycle the machine");
	}
	bool wrong = e->options->built && e->options->now < e->options->built;
	(void)snprintf(found, sizeof(found), "%s", time_format(e->options->now, time));
	item(e->report, "clock", wrong ? DOCTOR_MISSING : DOCTOR_OK, found,
		"set the clock: certificates are judged by it");
}

static void examine_ek(struct examination *e)
{
	struct tpm_ek_present present[TPM_EK_TEMPLATES];
	size_t count = 0, chain = 0, certificates = 0;
	struct err err = {0};
	char found[256] = "";
	if (!e->tpm)
		return;
	if (!tpm_ek_list(e->tpm, present, &count, &chain, &err)) {
		item(e->report, "ek-certificate", DOCTOR_MISSING, err.text,
			"the TPM does not answer: power-cycle the machine");
		return;
	}
	for (size_t i = 0, at = 0; i < count; i++) {
		if (!present[i].certificate)
			continue;
		certificates++;
		int n = snprintf(found + at, sizeof(found) - at, "%s%s", at ? ", " : "",
			ek_template_info(present[i].template_id)->name);
		at += n > 0 && (size_t)n < sizeof(found) - at ? (size_t)n : 0;
	}
	bool given = e->options->ek.certificates.len > 0;
	item(e->report, "ek-certificate", certificates || given ? DOCTOR_OK : DOCTOR_WARN,
		certificates ? found
		: given      ? "from a file"
			     : "none in the TPM",
		"get it from the maker and name the file (ek_certificates in hostd.yaml), or have "
		"an operator confirm this host");
	(void)snprintf(found, sizeof(found), "%zu certificates in the TPM", chain);
	item(e->report, "ek-chain", DOCTOR_OK,
		chain ? found : "none in the TPM: the verifier needs the maker's intermediates",
		"");
}

static void examine_ek_made(struct examination *e)
{
	OWNED(tpm_ek_release) struct tpm_ek ek = {0};
	struct err err = {0};
	if (!e->tpm)
		return;
	if (tpm_ek(e->tpm, &e->options->ek, &ek, &err))
		item(e->report, "ek", DOCTOR_OK, ek_template_info(ek.template_id)->name, "");
	else
		item(e->report, "ek", DOCTOR_MISSING, err.text,
			err.code == ERR_DENIED
				? "give the endorsement password (endorsement_auth_file)"
				: "the endorsement key cannot be made: is the endorsement "
				  "hierarchy enabled?");
}

/* Any kind that hostd.yaml may ask for is fine; what is not an AK stands in its way. */
static void examine_ak(struct examination *e)
{
	uint32_t handle = e->options->ak_handle ? e->options->ak_handle : TPM_AK_HANDLE_DEFAULT;
	struct err err = {0};
	char found[256];
	bool there = false, looked = false;
	enum ak_kind kind = AK_ECC_P256;
	if (!e->tpm)
		return;
	for (int i = 0; i < AK_KINDS && !there; i++) {
		const struct tpm_ak_options options = {.kind = (enum ak_kind)i, .handle = handle};
		looked = tpm_ak_look(e->tpm, &options, &there, &err) || looked;
		kind = (enum ak_kind)i;
	}
	(void)snprintf(found, sizeof(found), "%s at 0x%08" PRIx32,
		there ? ak_kind_name(kind) : "none yet, enrolling makes it", handle);
	item(e->report, "ak", looked ? DOCTOR_OK : DOCTOR_MISSING, looked ? found : err.text,
		"choose another handle (ak_handle in hostd.yaml)");
}

static void examine_pcr(struct examination *e)
{
	static const uint8_t zeros[DIGEST_LEN_MAX];
	uint32_t pcr = e->options->runtime_pcr ? e->options->runtime_pcr : DEFAULT_PCR;
	struct pcr_bank bank;
	struct err err = {0};
	char found[256], hex[2 * SHA256_LEN + 1];
	if (!e->tpm)
		return;
	if (pcr >= TPM_QUOTE_PCRS || !tpm_pcr_read(e->tpm, DIGEST_SHA256, 1u << pcr, &bank, &err)) {
		item(e->report, "runtime-pcr", DOCTOR_MISSING,
			err.text[0] ? err.text : "a PCR above 15 is not quoted",
			"choose a PCR from 8 to 15 (pcr in hostd.yaml)");
		return;
	}
	bool zero = memcmp(bank.values[pcr], zeros, SHA256_LEN) == 0;
	hex_encode(bytes_of(bank.values[pcr], SHA256_LEN), hex);
	(void)snprintf(
		found, sizeof(found), "PCR %" PRIu32 " is %s", pcr, zero ? "untouched" : hex);
	item(e->report, "runtime-pcr", zero ? DOCTOR_OK : DOCTOR_WARN, found,
		"fine while assay-hostd runs; otherwise other software uses this PCR "
		"(systemd-pcrphase?): choose another");
}

/* ---- the kernel ---- */

/* Whether a child may make namespaces, and mount in them (some systems allow the one without the other). The caller itself
 * stays where it is. */
static void examine_namespaces(struct examination *e)
{
	int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS, status = 0;
	pid_t pid = fork();
	if (pid == 0)
		_exit(unshare(flags) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
				? 0
				: 1);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	bool ok = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	item(e->report, "namespaces", ok ? DOCTOR_OK : DOCTOR_MISSING,
		ok ? (geteuid() == 0 ? "mount namespaces, as root"
				     : "user and mount namespaces, as an ordinary user")
		   : "a private mount namespace cannot be made",
		"allow user namespaces (sysctl user.max_user_namespaces, "
		"kernel.unprivileged_userns_clone), or run as root");
}

static void examine_kernel(struct examination *e)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	OWNED(fd_close) int directory = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));
	item(e->report, "openat2", directory >= 0 ? DOCTOR_OK : DOCTOR_MISSING,
		directory >= 0 ? "paths can be opened without following links"
			       : "the kernel is older than 5.6",
		"use Linux 5.6 or newer");
	OWNED(fd_close) int memory = memfd_create("assay-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool sealed = memory >= 0 &&
		      fcntl(memory, F_ADD_SEALS,
			      F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;
	item(e->report, "memfd", sealed ? DOCTOR_OK : DOCTOR_MISSING,
		sealed ? "sealed copies can be made" : "memory files cannot be sealed",
		"use a kernel with memfd_create");
	OWNED(fd_close) int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	item(e->report, "pidfd", self >= 0 ? DOCTOR_OK : DOCTOR_MISSING,
		self >= 0 ? "processes can be held by descriptor" : "no pidfd",
		"use Linux 5.3 or newer");
}

static void examine_verity(struct examination *e)
{
	const char *directory = e->options->components_dir ? e->options->components_dir : "/";
	OWNED(fd_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char found[256];
	struct statfs status;
	if (fd < 0 || fstatfs(fd, &status) != 0) {
		item(e->report, "fs-verity", DOCTOR_WARN,
			"the directory of the components cannot be opened",
			"name it with --components");
		return;
	}
	/* Whether a file system was made with it, the kernel says per file only. */
	static const struct {
		long type;
		const char *name;
	} able[] = {{0xef53, "ext4"}, {0xf2f52010, "f2fs"}, {0x9123683e, "btrfs"}};
	const char *name = NULL;
	for (size_t i = 0; i < ARRAY_LEN(able) && !name; i++)
		if (status.f_type == able[i].type)
			name = able[i].name;
	(void)snprintf(found, sizeof(found), "%s is on %s", directory,
		name ? name : "a file system without fs-verity");
	item(e->report, "fs-verity", name ? DOCTOR_OK : DOCTOR_WARN, found,
		"large models are then measured, not pinned: put them on ext4, f2fs or btrfs with "
		"fs-verity");
}

static void examine_logs(struct examination *e)
{
	OWNED(buf_release) struct buf count = {0};
	struct err err = {0};
	bool ima = file_read(IMA_COUNT_PATH, 64, &count, &err);
	item(e->report, "ima", ima ? DOCTOR_OK : DOCTOR_WARN,
		ima ? "the kernel measures files"
		: err.code == ERR_NOT_FOUND
			? "no IMA log: the kernel lacks IMA, or securityfs is not mounted"
			: err.text,
		"boot with ima_policy=tcb; without it the assurance level stays `reported`");
	bool firmware = access(FIRMWARE_PATH, R_OK) == 0;
	item(e->report, "firmware-log", firmware ? DOCTOR_OK : DOCTOR_WARN,
		firmware ? FIRMWARE_PATH : "no firmware event log can be read",
		"boot by UEFI with the TPM enabled, and read it as root");
}

void doctor_examine(const struct doctor_options *options, struct doctor_report *ret)
{
	static void (*const examinations[])(struct examination * e) = {
		examine_tpm,
		examine_clock,
		examine_ek,
		examine_ek_made,
		examine_ak,
		examine_pcr,
		examine_namespaces,
		examine_kernel,
		examine_verity,
		examine_logs,
	};
	struct examination e = {.options = options, .report = ret};
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < ARRAY_LEN(examinations); i++)
		examinations[i](&e);
	tpm_free(&e.tpm);
}

enum doctor_level doctor_worst(const struct doctor_report *report)
{
	enum doctor_level worst = DOCTOR_OK;
	for (size_t i = 0; i < report->count; i++)
		if (report->items[i].level > worst)
			worst = report->items[i].level;
	return worst;
}

bool doctor_json(const struct doctor_report *report, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *items = json_array(), *all = NULL;
	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_item *entry = &report->items[i];
		(void)json_array_append_new(
			items, json_pack("{s:s,s:s,s:s,s:s}", "name", entry->name, "level",
				       doctor_level_name(entry->level), "found", entry->found,
				       "todo", entry->todo));
	}
	if (json_array_size(items) != report->count)
		return err_set(err, ERR_NOMEM, "report");
	all = json_pack(
		"{s:s,s:O}", "level", doctor_level_name(doctor_worst(report)), "items", items);
	if (!all || !json_write(all, false, out, err))
		return all ? false : err_set(err, ERR_NOMEM, "report");
	buf_put_u8(out, '\n');
	return buf_ok(out, err);
}

bool doctor_text(const struct doctor_report *report, bool colour, struct buf *out, struct err *err)
{
	static const char *const codes[] = {[DOCTOR_OK] = "\033[32m",
		[DOCTOR_WARN] = "\033[33m",
		[DOCTOR_MISSING] = "\033[31m"};
	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_item *entry = &report->items[i];
		buf_printf(out, "%s%-7s%s %-15s %s\n", colour ? codes[entry->level] : "",
			doctor_level_name(entry->level), colour ? "\033[0m" : "", entry->name,
			entry->found);
		if (entry->todo[0])
			buf_printf(out, "                        %s\n", entry->todo);
	}
	return buf_ok(out, err);
}
