/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_measure.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attest/instance_saved.h"
#include "base/file.h"
#include "base/text.h"

#define PRELOAD "/etc/ld.so.preload"

/* Whatever can be launched can be saved, and so adopted. */
static_assert(LAUNCH_BINDS_MAX + INSTANCE_ORIGINALS_MAX <= INSTANCE_FILES_MAX,
	"more files than an instance is saved with");
static_assert((LAUNCH_BINDS_MAX + INSTANCE_ORIGINALS_MAX) * (PATH_MAX + 80u) < INSTANCE_SAVED_MAX,
	"longer paths than an instance is saved with");

/* One launch being put together. */
struct measuring {
	const struct spec *spec;
	const struct launch_measure_options *options;
	struct launch_material *material;
	struct instance *instance;
	size_t originals; /* of copies, watched or not */
};

/* ---- how a component is presented ---- */

static bool choose_presence(const struct measuring *m, const struct measured_component *c,
	enum component_presence *ret, struct err *err)
{
	bool room = m->material->copied + c->size <= m->options->copy_limit;
	bool pin = c->verity && m->material->pack.binds + c->file_count <= LAUNCH_BINDS_MAX;
	if (c->present == SPEC_PRESENT_PIN && !pin)
		return err_set(err, ERR_CONFIG,
			"component %s: `present: pin` needs fs-verity on every file, and at most "
			"%u files: see `fsverity enable`",
			c->name, LAUNCH_BINDS_MAX);
	if (c->present == SPEC_PRESENT_COPY || (c->present == SPEC_PRESENT_AUTO && !pin && room))
		*ret = PRESENT_COPY;
	else if (c->present == SPEC_PRESENT_MEASURE_ONLY || !pin)
		*ret = PRESENT_MEASURED_ONLY;
	else
		*ret = PRESENT_PINNED;
	return true;
}

static bool changed(const char *path, struct err *err)
{
	return err_set(
		err, ERR_CONFLICT, "%s changed while it was being measured: start again", path);
}

/* Whoever wrote to the file, or moved it to its place, since the measuring began made its change time that young. */
static bool is_young(const struct stat *st, const struct timespec *began)
{
	return st->st_ctim.tv_sec > began->tv_sec ||
	       (st->st_ctim.tv_sec == began->tv_sec && st->st_ctim.tv_nsec >= began->tv_nsec);
}

/* Whoever writes to the file after this sees its change time move. */
static bool watch_file(struct measuring *m, int fd, const char *path, bool copied,
	const struct timespec *began, struct err *err)
{
	struct instance *instance = m->instance;
	struct stat st;
	if (copied && m->originals++ >= INSTANCE_ORIGINALS_MAX)
		return true;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", path);
	/* A copy was itself held against what was measured. */
	if (!copied && is_young(&st, began))
		return changed(path, err);
	struct instance_file *grown =
		realloc(instance->files, (instance->file_count + 1) * sizeof(*instance->files));
	if (!grown)
		return err_set(err, ERR_NOMEM, "no memory for files to watch");
	instance->files = grown;
	struct instance_file *file = &grown[instance->file_count];
	*file = (struct instance_file){.path = strdup(path),
		.copied = copied,
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.modified = st.st_mtim,
		.changed = st.st_ctim};
	if (!file->path)
		return err_set(err, ERR_NOMEM, "no memory for files to watch");
	instance->file_count++;
	return true;
}

/* The digest that the kernel keeps of the file says what it holds, not that this is what was measured: so it has to be the very
 * inode, and one that nobody put in the place of a removed one. */
static bool pin_file(struct measuring *m, int fd, const char *path, enum measure_alg alg,
	const struct measured_file *file, const struct timespec *began, struct err *err)
{
	struct launch_entry entry = {.kind = LAUNCH_PIN,
		.size = file->size,
		.device = file->device,
		.inode = file->inode,
		.path = bytes_str(path)};
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", path);
	if (st.st_dev != file->device || st.st_ino != file->inode || is_young(&st, began))
		return changed(path, err);
	if (!launch_verity_digest(fd, entry.digest))
		return err_set(
			err, ERR_CONFLICT, "%s is no longer an fs-verity file: start again", path);
	if (alg == MEASURE_FSVERITY && !bytes_equal(BYTES_OF(entry.digest), BYTES_OF(file->digest)))
		return changed(path, err);
	return launch_pack_entry(&m->material->pack, &entry, err);
}

/* One file of a component, already open and measured, into the pack as its presence asks. */
static bool put_file(struct measuring *m, int fd, const char *path, enum measure_alg alg,
	const struct measured_file *file, enum component_presence presence,
	const struct timespec *began, struct err *err)
{
	struct launch_pack *pack = &m->material->pack;
	struct launch_entry entry = {.kind = LAUNCH_BIND,
		.size = file->size,
		.device = file->device,
		.inode = file->inode,
		.path = bytes_str(path)};
	if (presence == PRESENT_COPY)
		return launch_pack_copy(pack, fd, path, alg, file, err) &&
		       watch_file(m, fd, path, true, began, err);
	if (presence == PRESENT_PINNED)
		return pin_file(m, fd, path, alg, file, began, err);
	return watch_file(m, fd, path, false, began, err) && launch_pack_entry(pack, &entry, err);
}

static enum measure_alg alg_of(enum component_digest_kind kind)
{
	bool verity = kind == COMPONENT_FSVERITY || kind == COMPONENT_TREE_FSVERITY;
	return verity ? MEASURE_FSVERITY : MEASURE_SHA256;
}

static bool put_single(struct measuring *m, const struct measured_component *c,
	enum component_presence presence, const struct timespec *began, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	return measure_open(c->canonical, &fd, err) &&
	       put_file(m, fd, c->canonical, alg_of(c->kind), &c->files[0], presence, began, err);
}

static bool put_directory(struct measuring *m, const struct measured_component *c,
	enum component_presence presence, const struct timespec *began, struct err *err)
{
	OWNED(fd_close) int directory = -1;
	struct launch_entry tree = {.kind = LAUNCH_TREE, .path = bytes_str(c->canonical)};
	if (!measure_open_directory(c->canonical, &directory, err) ||
		!launch_pack_entry(&m->material->pack, &tree, err))
		return false;
	for (size_t i = 0; i < c->file_count; i++) {
		OWNED(fd_close) int fd = -1;
		OWNED(buf_release) struct buf path = {0};
		if (!path_join(&path, c->canonical, c->files[i].path))
			return buf_ok(&path, err);
		if (!measure_open_beneath(directory, c->files[i].path, &fd, err) ||
			!put_file(m, fd, buf_str(&path), alg_of(c->kind), &c->files[i], presence,
				began, err))
			return false;
	}
	return true;
}

static bool put_link(struct measuring *m, const char *path, const char *canonical, struct err *err)
{
	struct launch_entry link = {
		.kind = LAUNCH_LINK, .path = bytes_str(path), .target = bytes_str(canonical)};
	return strcmp(path, canonical) == 0 || launch_pack_entry(&m->material->pack, &link, err);
}

/* ---- records ---- */

static void size_text(uint64_t size, char out[32])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)size;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static bool tell(const struct measuring *m, const struct runtime_component *c, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	char size[32], digest[17];
	size_text(c->size, size);
	buf_printf(&text, "%s: %llu %s, %s, %s %s…, %s", ESC(c->name), (unsigned long long)c->files,
		c->files == 1 ? "file" : "files", size, component_digest_kind_name(c->digest_kind),
		text_short_hex(bytes_of(c->digest, 8), digest),
		component_presence_name(c->presence));
	return buf_str(&text) ? m->options->progress(m->options->context, buf_str(&text), err)
			      : buf_ok(&text, err);
}

static bool describe(struct measuring *m, struct runtime_component *c, struct err *err)
{
	struct launch_material *material = m->material;
	if (material->component_count == LAUNCH_COMPONENTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %u components", LAUNCH_COMPONENTS_MAX);
	struct launch_component *to = &material->components[material->component_count++];
	memcpy(c->instance, m->options->instance, sizeof(c->instance));
	to->presence = c->presence;
	return runtime_component_encode(c, m->options->time, &to->content, err) &&
	       sha256_of(buf_bytes(&to->content), to->digest, err) && tell(m, c, err);
}

static bool describe_component(struct measuring *m, const struct measured_component *c,
	enum component_presence presence, struct err *err)
{
	struct runtime_component record = {.name = bytes_str(c->name),
		.role = bytes_str(c->role),
		.path = bytes_str(c->path),
		.canonical_path = bytes_str(c->canonical),
		.digest_kind = c->kind,
		.size = c->size,
		.files = c->file_count,
		.presence = presence};
	memcpy(record.digest, c->digest, SHA256_LEN);
	return describe(m, &record, err);
}

/* ---- components ---- */

/* The program itself runs from a memfd, whatever its path shows. */
static bool seal_binary(struct measuring *m, const struct measured_component *c, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	return measure_open(c->canonical, &fd, err) &&
	       launch_memfd_executable(fd, c->canonical, alg_of(c->kind), &c->files[0],
		       &m->material->executable, err);
}

/* The closure is of what stood at the path when the loader was asked: is that what was measured since? */
static bool check_executable(
	const struct measuring *m, const struct measured_component *c, struct err *err)
{
	struct closure_stamp now;
	struct stat st;
	if (lstat(c->canonical, &st) != 0)
		return err_errno(err, errno, "%s", c->canonical);
	now = closure_stamp_of(&st);
	if (c->files[0].device != now.device || c->files[0].inode != now.inode)
		return changed(c->canonical, err);
	return closure_stamp_same(&m->material->closure.executable, &now, c->canonical, err);
}

static bool add_component(struct measuring *m, size_t index, bool is_script, struct err *err)
{
	OWNED(measured_component_release) struct measured_component c = {0};
	enum component_presence presence = 0;
	struct timespec began;
	bool binary = index == m->spec->binary;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &began);
	if (!measure_component(&m->spec->components[index], (int)m->options->threads, &c, err))
		return false;
	if (binary && !c.verity)
		c.present = SPEC_PRESENT_COPY;
	if (!choose_presence(m, &c, &presence, err) || !put_link(m, c.path, c.canonical, err) ||
		!(c.directory ? put_directory : put_single)(m, &c, presence, &began, err))
		return false;
	if (binary && !check_executable(m, &c, err))
		return false;
	if (presence == PRESENT_COPY)
		m->material->copied += c.size;
	if (!binary || is_script)
		return describe_component(m, &c, presence, err);
	return seal_binary(m, &c, err) && describe_component(m, &c, PRESENT_SEALED, err);
}

/* ---- the closure ---- */

static bool add_library(struct measuring *m, const struct closure_file *file, struct err *err)
{
	struct launch_pack *pack = &m->material->pack;
	OWNED(fd_close) int fd = -1;
	if (!measure_open(file->canonical, &fd, err) ||
		!launch_pack_copy(pack, fd, file->canonical, MEASURE_SHA256, &file->file, err) ||
		!put_link(m, file->found, file->canonical, err))
		return false;
	if (file->interpreter)
		return launch_memfd_executable(fd, file->canonical, MEASURE_SHA256, &file->file,
			&m->material->executable, err);
	struct launch_entry entry = {.kind = LAUNCH_LIBRARY,
		.path = bytes_str(file->soname),
		.target = bytes_str(file->canonical)};
	return launch_pack_entry(pack, &entry, err);
}

static bool add_closure(struct measuring *m, struct err *err)
{
	const struct closure *closure = &m->material->closure;
	if (closure->kind == CLOSURE_STATIC)
		return true;
	for (size_t i = 0; i < closure->count; i++) {
		if (!add_library(m, &closure->files[i], err))
			return err_wrap(err, "closure");
	}
	struct runtime_component record = {.name = bytes_str(LAUNCH_CLOSURE),
		.role = bytes_str(LAUNCH_CLOSURE),
		.path = bytes_str(m->spec->components[m->spec->binary].canonical),
		.canonical_path = bytes_str(m->spec->components[m->spec->binary].canonical),
		.digest_kind = COMPONENT_CLOSURE,
		.size = closure->bytes,
		.files = closure->count,
		.presence = PRESENT_COPY};
	memcpy(record.digest, closure->digest, SHA256_LEN);
	return describe(m, &record, err);
}

/* The loader would read it before anything else, in the agent and in all that the agent starts. */
static bool mask_preload(struct measuring *m, struct err *err)
{
	struct launch_entry entry = {.kind = LAUNCH_EMPTY, .path = BYTES_LIT(PRELOAD)};
	return launch_pack_entry(&m->material->pack, &entry, err);
}

/* Files that are surely mounted one by one, and not copied. What cannot be listed is told when it is measured. */
static size_t mounts_of(const struct spec_component *c, uint64_t copy_limit)
{
	size_t files = 1;
	uint64_t bytes = 0;
	struct err ignored;
	bool listed = !c->directory || measure_tree_size(c->canonical, &files, &bytes, &ignored);
	bool copied = c->present == SPEC_PRESENT_COPY ||
		      (c->present == SPEC_PRESENT_AUTO && bytes <= copy_limit);
	return listed && !copied ? files : 0;
}

/* Before anything is hashed, which may take hours. */
static bool mounts_fit(const struct measuring *m, struct err *err)
{
	size_t mounts = 0;
	for (size_t i = 0; i < m->spec->component_count; i++) {
		const struct spec_component *c = &m->spec->components[i];
		/* The binary runs from a sealed copy. */
		size_t more = i == m->spec->binary ? 0 : mounts_of(c, m->options->copy_limit);
		mounts += more;
		if (mounts > LAUNCH_BINDS_MAX)
			return err_set(err, ERR_LIMIT,
				"component %s: %zu files, which are not copied but mounted one by "
				"one, and a launch has at most %u such files: raise copy_limit_mib "
				"in hostd.yaml, or give it `present: copy`",
				c->name, more, LAUNCH_BINDS_MAX);
	}
	return true;
}

bool launch_measure(const struct spec *spec, const struct launch_measure_options *options,
	struct launch_material *ret, struct instance *instance, struct err *err)
{
	struct measuring m = {spec, options, ret, instance, 0};
	ret->executable = -1;
	if (!mounts_fit(&m, err) || !launch_pack_open(&ret->pack, err))
		return false;
	if (!closure_of(spec->components[spec->binary].canonical, (int)options->threads,
		    &ret->closure, err))
		return err_wrap(err, "dynamic closure");
	bool is_script = ret->closure.kind == CLOSURE_SCRIPT;
	for (size_t i = 0; i < spec->component_count; i++) {
		if (!add_component(&m, i, is_script, err))
			return err_wrap(err, "component %s", spec->components[i].name);
	}
	if (!mask_preload(&m, err) || !add_closure(&m, err))
		return false;
	if (ret->executable < 0)
		return err_set(err, ERR_INTERNAL, "the closure of a script names no interpreter");
	return launch_pack_seal(&ret->pack, err);
}

void launch_material_release(struct launch_material *material)
{
	if (!material)
		return;
	if (material->pack.chunk)
		fd_close(&material->executable);
	launch_pack_release(&material->pack);
	closure_release(&material->closure);
	for (size_t i = 0; i < material->component_count; i++)
		buf_release(&material->components[i].content);
	material->component_count = 0;
}
