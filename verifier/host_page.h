/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts as they are shown: one, or a page of them, the oldest first. A page costs two statements
 * however many hosts it has: who they are with what is said of them, and their agents. Private to
 * verifier/.
 */
#ifndef ASSAY_VERIFIER_HOST_PAGE_H
#define ASSAY_VERIFIER_HOST_PAGE_H

#include "verifier/attributes.h"
#include "verifier/leases.h"

#define HOST_PAGE_MAX   500u
#define HOST_ID_RAW_MAX 64u /* of a row whose id is damaged */
#define HOST_AFTER_MAX  (2u * (8u + HOST_ID_RAW_MAX) + 1u)

struct host_view {
	struct host_row row; /* in a page without keys, certificates and what was quoted last */
	bool certificate; /* it has one of its EK */
	int64_t heard;
	enum instance_view agents; /* the best of them */
	struct host_attributes attributes;
};
/* As the API shows it; NULL: no memory. */
json_t *host_view_json(const struct host_view *view);

/* Where a page ends: behind it the next one begins. As text it is opaque lower-case hex that ascends
 * from page to page. */
struct host_place {
	int64_t enrolled;
	uint8_t id[HOST_ID_RAW_MAX];
	size_t id_len;
};
void host_place_text(const struct host_place *place, char out[HOST_AFTER_MAX]);
/* ERR_FORMAT. */
must_use bool host_place_read(struct bytes text, struct host_place *ret, struct err *err);

/* The hosts behind the place (NULL: from the first), at most limit (1 to HOST_PAGE_MAX), appended to
 * list; *ret_more: there are others behind *ret_last. A row that does not decode is shown with its id
 * alone and state "damaged", one whose attributes do not, without them: no bad row hides another. */
must_use bool host_page_json(struct sql *sql, const struct host_place *after, unsigned limit,
	int64_t now, json_t *list, struct host_place *ret_last, bool *ret_more, struct err *err);

#endif
