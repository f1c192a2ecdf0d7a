/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI device paths as text: UEFI 2.10 section 10. */
#ifndef ASSAY_FIRMWARE_DEVICE_PATH_H
#define ASSAY_FIRMWARE_DEVICE_PATH_H

#include "base/bytes.h"

#define DEVICE_PATH_MAX       65536u /* bytes */
#define DEVICE_PATH_NODES_MAX 128u

/* Appends the text form, "PciRoot(0x0)/Pci(0x1,0x1)/HD(1,GPT,…)/\EFI\BOOT\BOOTX64.EFI"; nodes that
 * are not known as Path(type,subtype,hex). Printable. Nothing is appended on failure.
 * ERR_FORMAT: a node shorter than its header or its kind, no end node, bytes behind the end node;
 * ERR_LIMIT: DEVICE_PATH_MAX, DEVICE_PATH_NODES_MAX. Empty input is the empty path. */
must_use bool device_path_text(struct bytes path, struct buf *out, struct err *err);

#endif
