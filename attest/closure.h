/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dynamic closure of an executable: every file that the kernel and the dynamic loader map
 * before the program's own first instruction, measured. Not in it: what the program opens by itself
 * later (dlopen, an interpreter's packages).
 */
#ifndef ASSAY_ATTEST_CLOSURE_H
#define ASSAY_ATTEST_CLOSURE_H

#include "attest/measure.h"

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
};

/* path is canonical and absolute. The libraries are found by running the executable's own loader with --list in a child that
 * can read files and print, and nothing else (closure_list.c). Refused: a library that is not found, a loader that others
 * than root and the caller may write, `#!/usr/bin/env` (PATH would choose the interpreter), an interpreter that is itself a
 * script, names with white space. */
must_use bool closure_of(const char *path, int threads, struct closure *ret, struct err *err);
void closure_release(struct closure *closure);

/* What the first bytes of an executable say. Pure and total; `head` is the file's beginning, up to CLOSURE_HEAD_MAX. */
#define CLOSURE_HEAD_MAX        65536u
#define CLOSURE_INTERPRETER_MAX 4096u
struct closure_head {
	enum closure_kind kind;
	char interpreter[CLOSURE_INTERPRETER_MAX]; /* PT_INTERP, or after `#!`; empty when static */
	char argument[256]; /* after the interpreter in `#!`; empty when there is none */
	/* PT_INTERP lies behind `head`: read it there and give it to closure_head_interpreter. */
	uint64_t interpreter_at;
	uint32_t interpreter_len; /* 0: no need */
};
must_use bool closure_head_parse(struct bytes head, struct closure_head *ret, struct err *err);
/* Takes the bytes of the PT_INTERP segment. */
must_use bool closure_head_interpreter(
	struct bytes segment, struct closure_head *ret, struct err *err);

#endif
