/* SPDX-License-Identifier: Apache-2.0 */
/* Control maps. Whoever writes or sends an organisation's map can supply them. */
#include "policy/control_map.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_map *map = NULL;
	struct err err = {0};

	if (!control_map_parse(bytes_of(data, size), "controls.yaml", &map, &err)) {
		if (err.code == ERR_NONE || err.text[0] == '\0' || map)
			abort();
		return 0;
	}
	for (unsigned i = 0; i < map->controls_count; i++) {
		const struct control *c = &map->controls[i];

		if (control_map_find(map, c->id) != c || !control_id_ok(bytes_str(c->id)) ||
			c->evidence_count == 0)
			abort();
		for (unsigned k = 0; k < c->evidence_count; k++)
			if (c->evidence[k] <= EVIDENCE_NONE || c->evidence[k] >= EVIDENCE_KINDS)
				abort();
	}
	control_map_free(&map);
	return 0;
}
