/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory: listed, hashed, listed again. Every entry is reached from the one descriptor of the
 * root, beneath it, without links and without crossing mounts, so nothing that happens to the names
 * above or inside can lead elsewhere; and whatever differs between the two listings, or between a
 * listing and the file opened for hashing, starts it over.
 */
#include "attest/measure_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

struct entry {
	char *path; /* relative to the root */
	struct stamp stamp;
};
struct listing {
	struct entry *entries;
	size_t count, cap;
};

/* A walk either fills the listing or, the second time, holds against it. */
struct walk {
	const struct measure_tree_options *options;
	int root;
	uint64_t mount;
	struct listing *fill;
	const struct listing *compare;
	size_t seen, passed; /* files listed, and what was left out */
	bool *left_out;
	char path[PATH_MAX]; /* of the directory being read, with a slash behind; "" for the root */
	size_t path_len;
	unsigned depth;
};

static void listing_release(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->entries[i].path);
	free(listing->entries);
	memset(listing, 0, sizeof(*listing));
}

static bool listing_add(
	struct listing *listing, const char *path, const struct stamp *stamp, struct err *err)
{
	if (listing->count >= MEASURE_DIR_FILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u files", MEASURE_DIR_FILES_MAX);
	if (listing->count == listing->cap) {
		size_t cap = listing->cap ? 2 * listing->cap : 64;
		struct entry *entries = realloc(listing->entries, cap * sizeof(*entries));
		if (!entries)
			return err_set(err, ERR_NOMEM, "out of memory");
		listing->entries = entries;
		listing->cap = cap;
	}
	char *copy = strdup(path);
	if (!copy)
		return err_set(err, ERR_NOMEM, "out of memory");
	listing->entries[listing->count++] = (struct entry){.path = copy, .stamp = *stamp};
	return true;
}

static int entry_order(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static bool listing_check(
	const struct listing *listing, const char *path, const struct stamp *stamp, struct err *err)
{
	union {
		const char *in;
		char *key;
	} key = {.in = path};
	struct entry wanted = {.path = key.key};
	const struct entry *found =
		bsearch(&wanted, listing->entries, listing->count, sizeof(wanted), entry_order);
	if (!found)
		return err_set(err, ERR_CONFLICT, "%s: appeared while the directory was hashed",
			ESC(bytes_str(path)));
	const char *difference = stamp_difference(&found->stamp, stamp);
	if (difference)
		return err_set(err, ERR_CONFLICT, "%s: changed while the directory was hashed (%s)",
			ESC(bytes_str(path)), difference);
	return true;
}

/* A manifest line must have one reading, in every tool and on every terminal. */
static bool check_name(const char *name, struct err *err)
{
	struct bytes bytes = bytes_str(name);
	bool plain = utf8_valid(bytes);
	for (size_t i = 0; plain && i < bytes.len; i++)
		plain = bytes.data[i] >= 0x20 && bytes.data[i] != 0x7f && bytes.data[i] != '\\';
	if (plain)
		return true;
	return err_set(err, ERR_FORMAT,
		"%s: a name with control characters, a backslash or invalid UTF-8", ESC(bytes));
}

static bool walk_directory(struct walk *walk, int fd, struct err *err);

static bool walk_into(
	struct walk *walk, int parent, const char *name, const struct stamp *seen, struct err *err)
{
	struct stamp opened;
	int fd = measure_openat2(parent, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, MEASURE_RESOLVE_TREE);
	if (fd < 0)
		return measure_open_failed(parent, name, errno, err);
	if (!stamp_take(fd, NULL, &opened)) {
		int error_number = errno;
		close(fd);
		return err_errno(err, error_number, "%s", ESC(bytes_str(name)));
	}
	if (opened.inode != seen->inode || opened.device != seen->device ||
		opened.mount != seen->mount) {
		close(fd);
		return err_set(err, ERR_CONFLICT, "%s: replaced while it was opened",
			ESC(bytes_str(name)));
	}
	return walk_directory(walk, fd, err);
}

static bool walk_file(struct walk *walk, const struct stamp *stamp, struct err *err)
{
	if (!measure_check_regular(stamp, walk->path, err))
		return false;
	walk->seen++;
	if (walk->fill)
		return listing_add(walk->fill, walk->path, stamp, err);
	return listing_check(walk->compare, walk->path, stamp, err);
}

/* Is the entry at walk->path one that is left out? */
static bool walk_passes(struct walk *walk)
{
	for (size_t i = 0; i < walk->options->ignore_count; i++)
		if (strcmp(walk->options->ignore[i], walk->path) == 0) {
			walk->left_out[i] = true;
			walk->passed++;
			return true;
		}
	return false;
}

/* A link, taken for what it leads to. Resolved from the root: a target may climb as long as it stays
 * below. What is listed is opened by the same path again, and must be the same. */
static bool walk_link(struct walk *walk, struct err *err)
{
	struct stamp stamp;
	OWNED(fd_close)
	int fd = measure_openat2(walk->root, walk->path, O_PATH | O_CLOEXEC, MEASURE_RESOLVE_LINKS);
	if (fd < 0)
		return measure_open_failed(walk->root, walk->path, errno, err);
	if (!stamp_take(fd, NULL, &stamp))
		return err_errno(err, errno, "%s", ESC(bytes_str(walk->path)));
	if (S_ISDIR(stamp.mode))
		return walk_into(walk, fd, ".", &stamp, err);
	return walk_file(walk, &stamp, err);
}

/* path holds the entry's whole relative path. */
static bool walk_entry(struct walk *walk, int fd, const char *name, struct err *err)
{
	struct stamp stamp;
	if (walk_passes(walk))
		return true;
	if (!stamp_take(fd, name, &stamp)) {
		if (errno == ENOENT)
			return err_set(err, ERR_CONFLICT,
				"%s: vanished while the directory was read",
				ESC(bytes_str(walk->path)));
		return err_errno(err, errno, "%s", ESC(bytes_str(walk->path)));
	}
	if (stamp.mount != walk->mount)
		return err_set(err, ERR_FORMAT, "%s: is a mount point", ESC(bytes_str(walk->path)));
	if (S_ISDIR(stamp.mode))
		return walk_into(walk, fd, name, &stamp, err);
	if (S_ISLNK(stamp.mode) && walk->options->follow_links)
		return walk_link(walk, err);
	return walk_file(walk, &stamp, err);
}

static bool walk_names(struct walk *walk, DIR *directory, struct err *err)
{
	size_t base = walk->path_len;
	size_t before = walk->seen + walk->passed;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (!entry && errno != 0)
			return err_errno(err, errno, "%s", ESC(bytes_str(walk->path)));
		if (!entry)
			break;
		const char *name = entry->d_name;
		size_t len = strlen(name);
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (!check_name(name, err))
			return false;
		if (base + len + 2 > sizeof(walk->path))
			return err_set(err, ERR_LIMIT, "%s: path too long", ESC(bytes_str(name)));
		memcpy(walk->path + base, name, len + 1);
		walk->path_len = base + len;
		if (!walk_entry(walk, dirfd(directory), name, err))
			return false;
		walk->path[base] = '\0';
		walk->path_len = base;
	}
	/* The manifest lists files only: what holds none would not be in it. */
	if (walk->seen + walk->passed == before || (base == 0 && walk->seen == 0))
		return err_set(err, ERR_FORMAT, "%s%sempty directory", ESC(bytes_str(walk->path)),
			base ? ": " : "");
	return true;
}

/* Takes the descriptor over. */
static bool walk_directory(struct walk *walk, int fd, struct err *err)
{
	size_t base = walk->path_len;
	DIR *directory = NULL;
	bool done = false;
	if (walk->depth >= MEASURE_DEPTH_MAX)
		err_set(err, ERR_LIMIT, "%s: more than %u levels of directories",
			ESC(bytes_str(walk->path)), MEASURE_DEPTH_MAX);
	else if (!(directory = fdopendir(fd)))
		err_errno(err, errno, "%s", ESC(bytes_str(walk->path)));
	if (!directory) {
		close(fd);
		return false;
	}
	if (base > 0) {
		walk->path[walk->path_len++] = '/';
		walk->path[walk->path_len] = '\0';
	}
	walk->depth++;
	done = walk_names(walk, directory, err);
	walk->depth--;
	walk->path_len = base;
	walk->path[base] = '\0';
	closedir(directory);
	return done;
}

/* One listing of the tree below root, filled or compared. */
static bool walk_root(int root, const struct measure_tree_options *options, bool *left_out,
	struct listing *fill, const struct listing *compare, struct err *err)
{
	struct stamp stamp;
	struct walk walk = {.options = options,
		.root = root,
		.left_out = left_out,
		.fill = fill,
		.compare = compare};
	/* A descriptor of its own: a directory's read position belongs to the open file. */
	int fd = measure_openat2(
		root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, MEASURE_RESOLVE_TREE);
	if (fd < 0)
		return err_errno(err, errno, "open directory");
	if (!stamp_take(fd, NULL, &stamp)) {
		int error_number = errno;
		close(fd);
		return err_errno(err, error_number, "directory");
	}
	walk.mount = stamp.mount;
	if (!walk_directory(&walk, fd, err))
		return false;
	if (compare && walk.seen != compare->count)
		return err_set(err, ERR_CONFLICT,
			"%zu files became %zu while the directory was hashed", compare->count,
			walk.seen);
	return true;
}

static bool tree_files(struct listing *listing, struct measured_tree *tree,
	struct stamp **ret_stamps, struct err *err)
{
	tree->files = calloc(listing->count, sizeof(*tree->files));
	struct stamp *stamps = calloc(listing->count, sizeof(*stamps));
	if (!tree->files || !stamps) {
		free(stamps);
		return err_set(err, ERR_NOMEM, "%zu files: out of memory", listing->count);
	}
	tree->count = listing->count;
	for (size_t i = 0; i < listing->count; i++) {
		tree->files[i].path = strdup(listing->entries[i].path);
		stamps[i] = listing->entries[i].stamp;
		if (!tree->files[i].path) {
			free(stamps);
			return err_set(err, ERR_NOMEM, "%zu files: out of memory", listing->count);
		}
	}
	*ret_stamps = stamps;
	return true;
}

static bool tree_digests(struct measured_tree *tree, struct err *err)
{
	OWNED(hasher_free) struct hasher *hasher = NULL;
	OWNED(buf_release) struct buf manifest = {0};
	struct digest root;
	if (!hasher_new(DIGEST_SHA256, &hasher, err))
		return false;
	for (size_t i = 0; i < tree->count; i++)
		if (!hasher_update(hasher, bytes_of(tree->files[i].digest, SHA256_LEN), err))
			return false;
	if (!hasher_final(hasher, &root, err) || !measured_tree_manifest(tree, &manifest, err))
		return false;
	memcpy(tree->digest, root.bytes, SHA256_LEN);
	return sha256_of(buf_bytes(&manifest), tree->manifest_digest, err);
}

static bool tree_hash(int root, const struct measure_tree_options *options,
	const struct stamp *expected, struct measured_tree *tree, struct err *err)
{
	uint64_t resolve = options->follow_links ? MEASURE_RESOLVE_LINKS : MEASURE_RESOLVE_TREE;
	const struct many many = {
		.directory = root,
		.resolve = resolve,
		.alg = options->alg,
		.threads = measure_threads(options->threads),
		.files = tree->files,
		.count = tree->count,
		.expected = expected,
	};
	const struct shards shards = {
		.directory = root,
		.fd = -1,
		.resolve = resolve,
		.threads = many.threads,
		.size = options->shard_size,
		.expected = expected,
	};
	return options->shard_size ? measure_shards(&shards, tree, err) : measure_many(&many, err);
}

/* One attempt; ERR_CONFLICT when the tree was not the same at its end. */
static bool tree_once(int root, const struct measure_tree_options *options,
	struct measured_tree *ret, struct err *err)
{
	OWNED(listing_release) struct listing listing = {0};
	OWNED(measured_tree_release) struct measured_tree tree = {0};
	OWNED(free_ptr) struct stamp *expected = NULL;
	tree.left_out = calloc(options->ignore_count + 1, sizeof(*tree.left_out));
	if (!tree.left_out)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!walk_root(root, options, tree.left_out, &listing, NULL, err))
		return false;
	qsort(listing.entries, listing.count, sizeof(*listing.entries), entry_order);
	if (!tree_files(&listing, &tree, &expected, err) ||
		!tree_hash(root, options, expected, &tree, err) ||
		!walk_root(root, options, tree.left_out, NULL, &listing, err))
		return false;
	for (size_t i = 0; i < tree.count; i++)
		tree.bytes += tree.files[i].size;
	if (!options->shard_size && !tree_digests(&tree, err))
		return false;
	*ret = TAKE_STRUCT(tree);
	return true;
}

bool measure_tree(const char *path, enum measure_alg alg, int threads, struct measured_tree *ret,
	struct err *err)
{
	const struct measure_tree_options options = {.alg = alg, .threads = threads};
	return measure_tree_as(path, &options, ret, err);
}

bool measure_tree_as(const char *path, const struct measure_tree_options *options,
	struct measured_tree *ret, struct err *err)
{
	OWNED(fd_close) int root = -1;
	struct err why = {0};
	if (!measure_open_directory(path, &root, err))
		return false;
	for (unsigned attempt = 0; attempt <= MEASURE_RETRIES; attempt++) {
		if (tree_once(root, options, ret, &why))
			return true;
		/* The root is open, so what is not found was found by the listing just before. */
		if (why.code == ERR_NOT_FOUND)
			why.code = ERR_CONFLICT;
		if (why.code != ERR_CONFLICT)
			break;
	}
	if (why.code == ERR_CONFLICT)
		err_wrap(&why, "after %u attempts", MEASURE_RETRIES + 1);
	err_wrap(&why, "%s", ESC(bytes_str(path)));
	if (err)
		*err = why;
	return false;
}

bool measure_tree_size(const char *path, size_t *ret_files, uint64_t *ret_bytes, struct err *err)
{
	OWNED(listing_release) struct listing listing = {0};
	OWNED(fd_close) int root = -1;
	const struct measure_tree_options options = {0};
	uint64_t bytes = 0;
	if (!measure_open_directory(path, &root, err) ||
		!walk_root(root, &options, NULL, &listing, NULL, err))
		return err_wrap(err, "%s", ESC(bytes_str(path)));
	for (size_t i = 0; i < listing.count; i++)
		bytes += listing.entries[i].stamp.size;
	*ret_files = listing.count;
	*ret_bytes = bytes;
	return true;
}

void measured_tree_release(struct measured_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->count; i++)
		measured_file_release(&tree->files[i]);
	free(tree->files);
	free(tree->shards);
	free(tree->left_out);
	memset(tree, 0, sizeof(*tree));
}

bool measured_tree_manifest(const struct measured_tree *tree, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < tree->count; i++) {
		buf_put_hex(out, bytes_of(tree->files[i].digest, SHA256_LEN));
		buf_put_str(out, "  ");
		buf_put_str(out, tree->files[i].path);
		buf_put_u8(out, '\n');
	}
	return buf_ok(out, err);
}
