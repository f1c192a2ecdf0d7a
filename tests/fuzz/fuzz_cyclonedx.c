/* SPDX-License-Identifier: Apache-2.0 */
/* CycloneDX BOMs. They lie beside a release in statements of others; whoever can write there can
 * supply these bytes, and the gate reads them before it asks who signed. */
#include "tests/support/bom_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bom_fuzz("https://cyclonedx.org/bom", BOM_CYCLONEDX, bytes_of(data, size));
	return 0;
}
