/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes AdmissionReview v1 (admission.k8s.io/v1), as a ValidatingAdmissionWebhook receives and
 * answers it. Pure. Members that the API server adds are ignored; what decides must be there in its
 * one form. Pods are judged, and the Bindings that put them on nodes: whatever makes Pods
 * (Deployments, Jobs) makes them through the same admission, and whatever schedules them binds them.
 */
#ifndef ASSAY_VERIFIER_ADMISSION_H
#define ASSAY_VERIFIER_ADMISSION_H

#include "base/json.h"
#include "crypto/digest.h"

#define ADMISSION_REVIEW_MAX  (3u << 20)
#define ADMISSION_UID_MAX     128u
#define ADMISSION_IMAGES_MAX  256u /* of one Pod, containers of all kinds and volumes together */
#define ADMISSION_VOLUMES_MAX 4096u
#define ADMISSION_NAME_MAX    64u /* a namespace is a DNS label: at most 63 */
#define ADMISSION_NODE_MAX    253u /* a DNS name */

struct admission_image {
	const char *container, *image; /* the container or volume; borrowed, untrusted */
	bool pinned; /* it is by digest, as NAME@sha256:HEX */
	uint8_t digest[SHA256_LEN];
};
struct admission {
	json_t *root; /* owned */
	const char *uid;
	const char *ns;
	bool starts; /* false: DELETE, which starts nothing */
	bool binding; /* of a Pod whose images were judged when it was made */
	bool placed; /* something is put on a node, or on one that is not chosen yet */
	const char *node; /* NULL: not chosen yet */
	size_t count; /* images that the request adds or changes */
	struct admission_image images[ADMISSION_IMAGES_MAX];
};
/* ERR_FORMAT: no review of this version, neither Pod nor Binding, no image, an operation other than
 * CREATE, UPDATE and DELETE, a Binding to anything but a Node; ERR_LIMIT. Of an UPDATE only the
 * images that oldObject does not hold count, and its node only if there are any or it is another
 * node: a Pod that runs keeps being updated (its finalizers removed) after its release was revoked or
 * its node fell out of trust. */
must_use bool admission_parse(struct bytes review, struct admission *ret, struct err *err);
void admission_release(struct admission *admission);
/* The answer: message says why not, or, allowed, is a warning for whoever asked and may be NULL; of
 * any text it is cut to 1024 bytes. NULL: no memory. */
json_t *admission_answer(const char *uid, bool allowed, const char *message);

#endif
