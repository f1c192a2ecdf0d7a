/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay-verifierd: enrols hosts, appraises evidence, issues credentials, keeps records. Its commands, as main dispatches
 * them; each gets the arguments behind the command's name, prints its own errors and returns the exit status: 0 done,
 * 2 wrong usage, 3 could not be done.
 */
#ifndef ASSAY_VERIFIER_VERIFIER_H
#define ASSAY_VERIFIER_VERIFIER_H

enum { EXIT_STATUS_DONE = 0, EXIT_STATUS_USAGE = 2, EXIT_STATUS_FAILED = 3 };

int verifier_run(int argc, char **argv);
int verifier_check(int argc, char **argv);
int verifier_init(int argc, char **argv);
int verifier_issue_operator(int argc, char **argv);
int verifier_rotate_content_key(int argc, char **argv);

#endif
