/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dynamic closure of an executable: every file that the kernel and the dynamic loader map
 * before the program's own first instruction, measured. Not in it: what the program opens by itself
 * later (dlopen, an interpreter's packages).
 */
#ifndef ASSAY_ATTEST_CLOSURE_H
#define ASSAY_ATTEST_CLOSURE_H

#include "attest/measure.h"

#include <sys/stat.h>

#define CLOSURE_FILES_MAX   512u
#define CLOSURE_OUTPUT_MAX  (256u << 10) /* what the loader may print */
#define CLOSURE_SECONDS_MAX 10 /* how long it may take */

enum closure_kind { CLOSURE_NONE = 0, CLOSURE_STATIC, CLOSURE_DYNAMIC, CLOSURE_SCRIPT };

struct closure_file {
	char *soname; /* "libc.so.6"; the file name for the loader and for a script's interpreter */
	/* As the loader, PT_INTERP or `#!` name it: "/lib/x86_64-linux-gnu/libc.so.6". The canonical path again where that
	 * is no plain path ("/opt/agent/bin/../lib/libx.so", from $ORIGIN). */
	char *found;
	char *canonical; /* what was opened */
	bool loader; /* PT_INTERP */
	bool interpreter; /* named by `#!`: what the kernel really executes */
	struct measured_file file; /* sha256 */
};
struct closure {
	enum closure_kind kind;
	char *script_argument; /* the one argument after the interpreter in `#!`, or NULL */
	struct closure_file *files; /* sorted by soname, then canonical path; empty when static */
	size_t count;
	uint64_t bytes;
	struct buf manifest; /* "hex  soname  canonical-path\n" in that order */
	uint8_t digest[SHA256_LEN]; /* SHA-256 of the manifest */
	/* /etc/ld.so.preload exists and is not empty: the loader has listed its libraries above too. The launcher masks the
	 * file. */
	bool preload;
	/* The executable as it was while all this was asked for: of another one it says nothing. */
	struct closure_stamp {
		dev_t device;
		ino_t inode;
		off_t size;
		struct timespec modified, changed;
	} executable;
};

/* path is canonical and absolute. The libraries are found by running the executable's own loader with --list in a child that
 * can read files and print, and nothing else (closure_list.c); twice, so that what is measured is what the loader saw:
 * ERR_CONFLICT when anything changed meanwhile. Refused: a library that is not found, an audit library (DT_AUDIT: the loader lists none), a loader that others
 * than root and the caller may write, `#!/usr/bin/env` (PATH would choose the interpreter), an interpreter that is itself a
 * script, names with white space. */
must_use bool closure_of(const char *path, int threads, struct closure *ret, struct err *err);
void closure_release(struct closure *closure);
struct closure_stamp closure_stamp_of(const struct stat *st);
/* ERR_CONFLICT unless both are of one file that nobody changed in between. */
must_use bool closure_stamp_same(const struct closure_stamp *a, const struct closure_stamp *b,
	const char *path, struct err *err);

/* What the first bytes of an executable say. Pure and total; `head` is the file's beginning, up to CLOSURE_HEAD_MAX. */
#define CLOSURE_HEAD_MAX        65536u
#define CLOSURE_INTERPRETER_MAX 4096u
#define CLOSURE_DYNAMIC_MAX     65536u
struct closure_head {
	enum closure_kind kind;
	char interpreter[CLOSURE_INTERPRETER_MAX]; /* PT_INTERP, or after `#!`; empty when static */
	char argument[256]; /* after the interpreter in `#!`; empty when there is none */
	/* PT_INTERP lies behind `head`: read it there and give it to closure_head_interpreter. */
	uint64_t interpreter_at;
	uint32_t interpreter_len; /* 0: no need */
	/* PT_DYNAMIC, for closure_head_dynamic; dynamic_len 0: there is none. */
	uint64_t dynamic_at;
	uint32_t dynamic_len;
};
must_use bool closure_head_parse(struct bytes head, struct closure_head *ret, struct err *err);
/* Takes the bytes of the PT_INTERP segment. */
must_use bool closure_head_interpreter(
	struct bytes segment, struct closure_head *ret, struct err *err);
/* Takes the bytes of the PT_DYNAMIC segment: refuses what would make the loader run code that it does not list. */
must_use bool closure_head_dynamic(struct bytes segment, struct err *err);

#endif
