/* SPDX-License-Identifier: Apache-2.0 */
/* AdmissionReviews. Whoever may create Pods writes most of what the API server sends. */
#include "verifier/admission.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct admission *review = calloc(1, sizeof(*review));
	struct err err = {0};

	if (!review)
		return 0;
	if (!admission_parse(bytes_of(data, size), review, &err)) {
		if (err.code == ERR_NONE || err.text[0] == '\0' || review->root)
			abort();
		free(review);
		return 0;
	}
	if (!review->uid[0] || !review->ns[0] ||
		(!review->starts && (review->count != 0 || review->placed)) ||
		(review->binding && (!review->node || !review->placed || review->count != 0)) ||
		(review->node && !review->node[0]) || (!review->placed && review->count != 0) ||
		review->count > ADMISSION_IMAGES_MAX)
		abort();
	for (size_t i = 0; i < review->count; i++) {
		const struct admission_image *image = &review->images[i];
		json_t *answer = admission_answer(review->uid, false, image->image);
		if (!image->container || !answer)
			abort();
		json_decref(answer);
	}
	admission_release(review);
	free(review);
	return 0;
}
