/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/admission.h"

#include "base/text.h"

#include <stdio.h>

#define API_VERSION "admission.k8s.io/v1"
#define KIND        "AdmissionReview"
#define IMAGE_MAX   1024u
#define MESSAGE_MAX 1024u

static void expect(struct json_fields *f, const json_t *object, const char *key, const char *wanted)
{
	if (strcmp(json_need_str(f, object, key, 256), wanted) != 0)
		json_fields_fail(f, key,
			"expected another value: only Pods are judged, and their Bindings, in v1");
}

/* NAME@sha256:HEX, the digest last and in lower case, as the runtime resolves it. */
static bool image_digest(const char *image, uint8_t out[SHA256_LEN])
{
	static const char scheme[] = "@sha256:";
	const char *at = strchr(image, '@');
	return at && at != image && strncmp(at, scheme, sizeof(scheme) - 1) == 0 &&
	       hex_decode_exact(bytes_str(at + sizeof(scheme) - 1), out, SHA256_LEN, NULL);
}

static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};

/* Of a volume that is an image; NULL: it is another kind. */
static const json_t *volume_image(const json_t *volume)
{
	return json_object_get(volume, "image");
}

static bool same(const json_t *old, const char *image)
{
	return json_is_string(old) && strcmp(json_string_value(old), image) == 0;
}

/* Whether the Pod as it was holds this very image. */
static bool holds(const json_t *pod, const char *image)
{
	const json_t *spec = json_object_get(pod, "spec");
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			if (same(json_object_get(json_array_get(list, i), "image"), image))
				return true;
	}
	const json_t *volumes = json_object_get(spec, "volumes");
	for (size_t i = 0; i < json_array_size(volumes); i++)
		if (same(json_object_get(volume_image(json_array_get(volumes, i)), "reference"),
			    image))
			return true;
	return false;
}

/* holder has the name, object the image under this key. */
static void take_image(struct json_fields *f, const json_t *holder, const json_t *object,
	const char *key, const json_t *before, struct admission *to)
{
	const char *name = json_need_str(f, holder, "name", 253);
	const char *image = json_need_str(f, object, key, IMAGE_MAX);
	if (f->why || holds(before, image))
		return;
	if (to->count == ADMISSION_IMAGES_MAX) {
		json_fields_fail(f, "containers", "more than 256 images");
		return;
	}
	struct admission_image *entry = &to->images[to->count++];
	entry->container = name;
	entry->image = image;
	entry->pinned = image_digest(image, entry->digest);
}

static void take_images(
	struct json_fields *f, const json_t *pod, const json_t *before, struct admission *to)
{
	const json_t *spec = json_need_object(f, pod, "spec");
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list =
			l == 0 ? json_need_array(f, spec, lists[l], ADMISSION_IMAGES_MAX)
			       : json_want_array(f, spec, lists[l], ADMISSION_IMAGES_MAX);
		if (l == 0 && json_array_size(list) == 0)
			json_fields_fail(f, lists[l], "a Pod has at least one");
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *one = json_array_get(list, i);
			take_image(f, one, one, "image", before, to);
		}
	}
	const json_t *volumes = json_want_array(f, spec, "volumes", ADMISSION_VOLUMES_MAX);
	for (size_t i = 0; i < json_array_size(volumes); i++) {
		const json_t *one = json_array_get(volumes, i);
		const json_t *image = volume_image(one);
		if (image && !json_is_null(image))
			take_image(f, one, image, "reference", before, to);
	}
}

/* Empty is how a Go program may spell what it leaves out. */
static const char *node_of(struct json_fields *f, const json_t *pod)
{
	const json_t *spec = json_object_get(pod, "spec");
	const char *name = spec ? json_want_str(f, spec, "nodeName", ADMISSION_NODE_MAX) : NULL;
	return name && name[0] ? name : NULL;
}

static void take_pod(struct json_fields *f, const json_t *request, struct admission *to)
{
	bool update = strcmp(json_need_str(f, request, "operation", 16), "UPDATE") == 0;
	const json_t *before = update ? json_need_object(f, request, "oldObject") : NULL;
	const json_t *pod = json_need_object(f, request, "object");
	if (f->why)
		return;
	take_images(f, pod, before, to);
	const char *was = before ? node_of(f, before) : NULL;
	const char *is = node_of(f, pod);
	to->node = is ? is : was; /* a Pod never leaves its node */
	bool moved = is && (!was || strcmp(is, was) != 0);
	to->placed = !update || to->count > 0 || moved;
}

/* What the scheduler says, at pods/NAME/binding. */
static void take_binding(struct json_fields *f, const json_t *request, struct admission *to)
{
	const char *operation = json_need_str(f, request, "operation", 16);
	const json_t *binding = json_need_object(f, request, "object");
	const json_t *target = binding ? json_need_object(f, binding, "target") : NULL;
	if (strcmp(operation, "CREATE") != 0)
		json_fields_fail(f, "operation", "expected CREATE or DELETE of a Binding");
	if (f->why)
		return;
	const char *kind = json_want_str(f, target, "kind", 64);
	const char *name = json_need_str(f, target, "name", ADMISSION_NODE_MAX);
	if (kind && kind[0] && strcmp(kind, "Node") != 0)
		json_fields_fail(f, "target", "expected a Binding to a Node");
	else if (!name[0])
		json_fields_fail(f, "name", "must not be empty");
	to->binding = to->placed = true;
	to->node = name;
}

static const struct {
	const char *name;
	void (*take)(struct json_fields *f, const json_t *request, struct admission *to);
} kinds[] = {{"Pod", take_pod}, {"Binding", take_binding}};

static void take_request(struct json_fields *f, const json_t *request, struct admission *to)
{
	const json_t *kind = json_need_object(f, request, "kind");
	const char *operation = json_need_str(f, request, "operation", 16);
	to->uid = json_need_str(f, request, "uid", ADMISSION_UID_MAX);
	to->ns = json_need_str(f, request, "namespace", ADMISSION_NAME_MAX - 1);
	expect(f, kind, "group", "");
	expect(f, kind, "version", "v1");
	const char *name = json_need_str(f, kind, "kind", 256);
	size_t k = 0;
	while (k < ARRAY_LEN(kinds) && strcmp(kinds[k].name, name) != 0)
		k++;
	if (k == ARRAY_LEN(kinds))
		expect(f, kind, "kind", kinds[0].name);
	if (!to->uid[0])
		json_fields_fail(f, "uid", "must not be empty");
	if (!to->ns[0])
		json_fields_fail(f, "namespace", "must not be empty");
	to->starts = strcmp(operation, "DELETE") != 0;
	if (!to->starts || f->why)
		return;
	if (strcmp(operation, "CREATE") != 0 && strcmp(operation, "UPDATE") != 0)
		json_fields_fail(f, "operation", "expected CREATE, UPDATE or DELETE");
	else
		kinds[k].take(f, request, to);
}

bool admission_parse(struct bytes review, struct admission *ret, struct err *err)
{
	struct admission a = {0};
	struct json_fields f = json_fields_of("review");
	if (!json_open(review, ADMISSION_REVIEW_MAX, &a.root, err))
		return err_wrap(err, "review");
	expect(&f, a.root, "apiVersion", API_VERSION);
	expect(&f, a.root, "kind", KIND);
	const json_t *request = json_need_object(&f, a.root, "request");
	if (!f.why)
		take_request(&f, request, &a);
	if (!json_fields_ok(&f, err)) {
		admission_release(&a);
		return false;
	}
	*ret = a;
	return true;
}

void admission_release(struct admission *admission)
{
	json_decref(admission->root);
	memset(admission, 0, sizeof(*admission));
}

json_t *admission_answer(const char *uid, bool allowed, const char *message)
{
	char text[MESSAGE_MAX];
	/* Escaped, so that it is text whatever it held, and can be cut anywhere. */
	(void)text_escape(bytes_str(message ? message : ""), text, sizeof(text));
	json_t *response = json_pack("{s:s, s:b}", "uid", uid, "allowed", (int)allowed);
	json_t *said = allowed ? json_pack("[s]", text)
			       : json_pack("{s:i, s:s}", "code", 403, "message", text);
	if (response && !message) {
		json_decref(said);
	} else if (json_object_set_new(response, allowed ? "warnings" : "status", said) != 0) {
		json_decref(response);
		return NULL;
	}
	return json_pack(
		"{s:s, s:s, s:o}", "apiVersion", API_VERSION, "kind", KIND, "response", response);
}
