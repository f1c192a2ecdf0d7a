/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workload spec: what an agent is made of and how it is started, as its owner wrote it down.
 * YAML, read strictly (docs/formats/spec.md). No TPM, no daemon: read by hostd and by `assay
 * release create`.
 *
 *   workload: ocr-agent
 *   command: [/usr/bin/tesseract, "${image}", stdout, --tessdata-dir,
 * /usr/share/tesseract-ocr/5/tessdata, -l, eng] arguments:
 *     - name: image
 *       type: file
 *   components:
 *     - name: tesseract
 *       role: binary
 *       path: /usr/bin/tesseract
 *     - name: model
 *       role: model
 *       path: /usr/share/tesseract-ocr/5/tessdata
 *
 * In a command word `${name}` stands for the value of that argument, `$$` for one dollar; any other
 * `$` is refused.
 */
#ifndef ASSAY_ATTEST_SPEC_H
#define ASSAY_ATTEST_SPEC_H

#include "attest/measure.h"
#include "crypto/key.h"
#include "evidence/runtime_log.h"

#define SPEC_COMMAND_MAX     128u
#define SPEC_COMPONENTS_MAX  64u
#define SPEC_ARGUMENTS_MAX   32u
#define SPEC_CHOICES_MAX     64u
#define SPEC_ENVIRONMENT_MAX 64u
#define SPEC_AUDIENCES_MAX   8u
#define SPEC_TEXT_MAX        4096u /* a command word, a value, a path */
#define SPEC_WORD_MAX        64u

enum spec_role {
	SPEC_ROLE_NONE = 0,
	SPEC_BINARY,
	SPEC_MODEL,
	SPEC_CONFIG,
	SPEC_PROMPT,
	SPEC_TOOLS,
	SPEC_DATASET,
	SPEC_POLICY,
};
const char *spec_role_name(enum spec_role role); /* "binary" */

/* How the agent shall get the component's bytes. AUTO: pinned when fs-verity is on, copied up to
 * the launcher's limit, else measured and not pinned. */
enum spec_present {
	SPEC_PRESENT_AUTO = 0,
	SPEC_PRESENT_COPY,
	SPEC_PRESENT_PIN,
	SPEC_PRESENT_MEASURE_ONLY
};

struct spec_component {
	const char *name; /* text_is_name, unique in the spec */
	enum spec_role role;
	const char *path; /* as written: absolute, without "." and ".." */
	enum measure_alg digest;
	enum spec_present present;
	char *canonical; /* from spec_accept: the only path ever opened; NULL before */
	bool directory; /* from spec_accept */
};

enum spec_type {
	SPEC_TYPE_NONE = 0,
	SPEC_TYPE_FILE,
	SPEC_TYPE_CHOICE,
	SPEC_TYPE_INTEGER,
	SPEC_TYPE_WORD
};
const char *spec_type_name(enum spec_type type); /* "file" */
struct spec_argument {
	const char *name; /* text_is_name, unique */
	enum spec_type type;
	const char *const *choices; /* SPEC_TYPE_CHOICE */
	size_t choice_count;
	int64_t min, max; /* SPEC_TYPE_INTEGER */
};

/* One environment variable of the agent. LD_*, GLIBC_TUNABLES and their like are refused by
 * spec_parse, and from the caller also what makes an interpreter load code (PYTHONPATH, PERL5LIB,
 * …). */
struct spec_variable {
	const char *name;
	const char *value; /* NULL: the caller's own value, if he has one */
};

struct spec {
	uint8_t digest[SHA256_LEN]; /* SHA-256 of the file's bytes */
	const char *workload;
	const char *const *command; /* words with their ${…}; word 0 is the path of a component of
				       role binary */
	size_t command_count;
	struct spec_argument *arguments;
	size_t argument_count;
	struct spec_component *components;
	size_t component_count;
	size_t binary; /* index of the component that word 0 names */
	const char *user; /* name or number; NULL: the caller's */
	const char *working_directory; /* "/" when absent */
	struct spec_variable *environment;
	size_t environment_count;
	struct key
		*environment_key; /* whom the values are kept for in the launch record; NULL: they
					are not */
	bool want_x509, want_jwt;
	const char *const *audiences; /* for want_jwt */
	size_t audience_count;
	unsigned sandbox; /* enum runtime_sandbox; no_new_privs always */

	/* From spec_accept. */
	bool accepted;
	char *working_directory_canonical;
	bool has_user;
	uid_t uid;
	gid_t gid;

	void *loaded; /* what libcyaml allocated; texts above point into it */
};

/* Parses at most YAML_INPUT_MAX bytes. Total: any bytes give a spec or an error that names the
 * file, and the line where libyaml knows it. Touches nothing but memory. The caller owns *ret and
 * calls spec_release. */
must_use bool spec_parse(struct bytes text, const char *file, struct spec *ret, struct err *err);
void spec_release(struct spec *spec);

/* Looks at this machine: links are resolved, once, for every path; a component must be a regular
 * file or a directory (the binary a file); the user must exist. A second call is refused. */
must_use bool spec_accept(struct spec *spec, struct err *err);

/* The variable arguments of one run, checked against their types: exactly one value for each of
 * spec->arguments, in order. Refused: too few, too many, a leading '-', control characters, what
 * the type does not allow. The value of a file argument is the path as the caller typed it: he
 * opens it himself, nothing here does. */
struct spec_values {
	const char *values[SPEC_ARGUMENTS_MAX]; /* borrowed from the caller */
	size_t count;
	size_t files[SPEC_ARGUMENTS_MAX]; /* indices of the arguments of type file, in order */
	size_t file_count;
};
must_use bool spec_arguments(const struct spec *spec, const char *const *values, size_t count,
	struct spec_values *ret, struct err *err);
/* The final argument vector, NULL-terminated. descriptors[i] is the number under which the agent
 * will have values->files[i]; it appears as /proc/self/fd/N. Word 0 is as written in the spec. Free
 * with spec_argv_free. */
must_use bool spec_argv(const struct spec *spec, const struct spec_values *values,
	const int *descriptors, size_t count, char ***ret, struct err *err);
void spec_argv_free(char ***argv);

/* One component as measured, for the runtime log, the launch and the release. */
struct measured_component {
	char *name;
	char *role;
	char *path; /* as the spec has it */
	char *canonical; /* as opened */
	enum spec_present present;
	bool directory;
	enum component_digest_kind kind;
	uint8_t digest[SHA256_LEN]; /* of the file; of a directory: SHA-256 over its manifest, which
				       binds names and contents */
	uint64_t size; /* bytes in all files */
	struct measured_file *files; /* a file: one entry whose path is canonical; a directory:
					relative paths, sorted */
	size_t file_count;
	bool verity; /* every file is an fs-verity inode: what was measured cannot change any more
		      */
};
/* threads <= 0: one per core. The spec must have been accepted. */
must_use bool measure_component(const struct spec_component *component, int threads,
	struct measured_component *ret, struct err *err);
void measured_component_release(struct measured_component *component);

#endif
