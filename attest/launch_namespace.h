/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private mount namespace of an agent. Its root is a read-only tmpfs in which every directory above a measured file is a
 * directory of its own: had we bound the copies over the host's directories, a rename on the host would take the mount away
 * and show the new file. What is not measured shows through beside it: directories as binds, files as links into LAUNCH_HOST.
 */
#ifndef ASSAY_ATTEST_LAUNCH_NAMESPACE_H
#define ASSAY_ATTEST_LAUNCH_NAMESPACE_H

#include "attest/launch_plan.h"

/* Moves this process (single-threaded) into the namespace. As root by CLONE_NEWNS alone; as anybody else with a user
 * namespace that maps nothing but the caller. index and pack are hostd's. sandbox: of enum
 * runtime_sandbox the bits that concern what is seen: the network, and whether mounts are read-only. */
must_use bool launch_namespace_enter(
	struct bytes index, int pack, unsigned sandbox, struct err *err);

#endif
