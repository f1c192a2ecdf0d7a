/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software keys over a restart of hostd: each as a sealed memfd that the service manager holds (systemd's file descriptor
 * store, sd_notify(3): FDSTORE=1), so that none is written to a disk for it.
 */
#include "attest/hostd_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "attest/launch_pack.h"
#include "base/file.h"
#include "base/text.h"

#define KEY_PEM_MAX 4096u
#define KEY_PREFIX  "key-"
#define FIRST_FD    3 /* SD_LISTEN_FDS_START */

int hostd_kept_fd(const char *names, unsigned count, const char *wanted)
{
	struct bytes rest = bytes_str(names);
	for (unsigned i = 0; i < count && rest.len > 0; i++)
		if (bytes_equal_str(text_next_word(&rest, ':'), wanted))
			return FIRST_FD + (int)i;
	return -1;
}

static void name_of(const struct instance *instance, char out[sizeof(KEY_PREFIX) + INSTANCE_HEX])
{
	(void)snprintf(out, sizeof(KEY_PREFIX) + INSTANCE_HEX, KEY_PREFIX "%s", instance->hex);
}

void hostd_keep_key(struct hostd *hostd, const struct instance *instance)
{
	OWNED(buf_release) struct buf pem = {0};
	OWNED(fd_close) int fd = -1;
	char name[sizeof(KEY_PREFIX) + INSTANCE_HEX], message[128];
	struct err err;
	if (!hostd->notify || !instance->key)
		return;
	name_of(instance, name);
	(void)snprintf(message, sizeof(message), "FDSTORE=1\nFDNAME=%s", name);
	bool ok = key_private_pem(instance->key, &pem, &err) &&
		  launch_memfd_of("assay-key", buf_bytes(&pem), &fd, &err) &&
		  hostd_notify_fd(hostd->notify, message, fd, &err);
	if (pem.data)
		secret_wipe(pem.data, pem.len);
	if (!ok)
		log_event(hostd->log, LOG_LEVEL_WARNING, "key not kept by the service manager",
			{"instance", bytes_str(instance->hex)}, {"error", bytes_str(err.text)});
}

void hostd_unkeep_key(struct hostd *hostd, const struct instance *instance)
{
	char name[sizeof(KEY_PREFIX) + INSTANCE_HEX], message[128];
	struct err ignored;
	if (!hostd->notify || instance_protection(instance) == KEY_TPM)
		return;
	name_of(instance, name);
	(void)snprintf(message, sizeof(message), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	/* Nobody reads what stays there but a hostd that knows the instance. */
	if (!hostd_notify(hostd->notify, message, &ignored))
		return;
}

bool hostd_kept_key(const struct hostd *hostd, const struct instance *instance,
	const uint8_t id[SHA256_LEN], struct key **ret)
{
	OWNED(buf_release) struct buf pem = {0};
	OWNED(key_unref) struct key *key = NULL;
	char name[sizeof(KEY_PREFIX) + INSTANCE_HEX];
	struct err ignored;
	name_of(instance, name);
	int fd = hostd_kept_fd(hostd->kept_names, hostd->kept_count, name);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0)
		return false;
	bool ok = file_read_fd(fd, name, KEY_PEM_MAX, &pem, &ignored) &&
		  key_from_pem(buf_bytes(&pem), &key, &ignored) && key_has_private(key) &&
		  memcmp(key_id(key), id, SHA256_LEN) == 0;
	if (pem.data)
		secret_wipe(pem.data, pem.len);
	if (ok)
		*ret = TAKE(key);
	return ok;
}
