/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/spec.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

#define PASSWD_BUFFER 16384

static bool accept_component(struct spec_component *component, struct err *err)
{
	OWNED(free_ptr) char *canonical = NULL;
	OWNED(fd_close) int fd = -1;
	struct stat st;
	if (!measure_canonical(component->path, &canonical, err))
		return false;
	/* A first look says how to open; opening tells for certain. */
	bool directory = lstat(canonical, &st) == 0 && S_ISDIR(st.st_mode);
	if (directory ? !measure_open_directory(canonical, &fd, err)
		      : !measure_open(canonical, &fd, err))
		return false;
	component->directory = directory;
	free(component->canonical); /* of an attempt that failed further on */
	component->canonical = TAKE(canonical);
	return true;
}

static bool accept_components(struct spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->component_count; i++) {
		struct spec_component *component = &spec->components[i];
		if (!accept_component(component, err))
			return err_wrap(err, "component %s", component->name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(spec->components[k].canonical, component->canonical) == 0)
				return err_set(err, ERR_CONFIG, "components %s and %s: both are %s",
					spec->components[k].name, component->name,
					ESC(bytes_str(component->canonical)));
	}
	if (spec->components[spec->binary].directory)
		return err_set(err, ERR_CONFIG, "component %s: is a directory; a binary is a file",
			spec->components[spec->binary].name);
	return true;
}

static bool accept_directory(struct spec *spec, struct err *err)
{
	OWNED(free_ptr) char *canonical = NULL;
	OWNED(fd_close) int fd = -1;
	if (!measure_canonical(spec->working_directory, &canonical, err) ||
		!measure_open_directory(canonical, &fd, err))
		return err_wrap(err, "working_directory");
	free(spec->working_directory_canonical);
	spec->working_directory_canonical = TAKE(canonical);
	return true;
}

static bool accept_user(struct spec *spec, struct err *err)
{
	char buffer[PASSWD_BUFFER];
	struct passwd entry, *found = NULL;
	if (!spec->user)
		return true;
	size_t digits = strspn(spec->user, "0123456789");
	bool number = spec->user[digits] == '\0' && digits <= 9;
	int result = number ? getpwuid_r((uid_t)strtoul(spec->user, NULL, 10), &entry, buffer,
				      sizeof(buffer), &found)
			    : getpwnam_r(spec->user, &entry, buffer, sizeof(buffer), &found);
	if (!found && result != 0 && result != ENOENT)
		return err_errno(err, result, "user %s", spec->user);
	if (!found)
		return err_set(
			err, ERR_NOT_FOUND, "user %s: no such user on this machine", spec->user);
	spec->has_user = true;
	spec->uid = entry.pw_uid;
	spec->gid = entry.pw_gid;
	return true;
}

bool spec_accept(struct spec *spec, struct err *err)
{
	/* Links are resolved once: a second look could find them changed. */
	if (spec->accepted)
		return err_set(err, ERR_CONFLICT, "workload %s: accepted already", spec->workload);
	if (!accept_components(spec, err) || !accept_directory(spec, err) ||
		!accept_user(spec, err))
		return err_wrap(err, "workload %s", spec->workload);
	spec->accepted = true;
	return true;
}
