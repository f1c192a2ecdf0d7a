/* SPDX-License-Identifier: Apache-2.0 */
/* A whole workload spec, and the same with one place changed. */
#ifndef ASSAY_TESTS_UNIT_ATTEST_SPEC_TEXT_H
#define ASSAY_TESTS_UNIT_ATTEST_SPEC_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static const char spec_text[] =
	"workload: ocr-agent\n"
	"command: [/usr/bin/tesseract, \"${image}\", stdout, --psm, \"${mode}\",\n"
	"  \"-l${lang}\", \"--tag=${tag}:$$\"]\n"
	"arguments:\n"
	"  - name: image\n"
	"    type: file\n"
	"  - name: mode\n"
	"    type: integer\n"
	"    min: 0\n"
	"    max: 13\n"
	"  - name: lang\n"
	"    type: choice\n"
	"    choices: [eng, deu]\n"
	"  - name: tag\n"
	"    type: word\n"
	"components:\n"
	"  - name: tesseract\n"
	"    role: binary\n"
	"    path: /usr/bin/tesseract\n"
	"    digest: fs-verity\n"
	"    present: copy\n"
	"  - name: model\n"
	"    role: model\n"
	"    path: /usr/share/tessdata\n"
	"user: nobody\n"
	"working_directory: /tmp\n"
	"environment:\n"
	"  - name: OMP_THREAD_LIMIT\n"
	"    value: \"1\"\n"
	"  - name: LANG\n"
	"    from: caller\n"
	"credentials: [x509, jwt]\n"
	"audience: [https://db.example]\n";

/* The text with the first occurrence of `from` replaced. */
static inline const char *spec_with(const char *from, const char *to)
{
	static char text[sizeof(spec_text) + 65536];
	const char *at = strstr(spec_text, from);
	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - spec_text), spec_text, to,
		at + strlen(from));
	return text;
}

#endif
