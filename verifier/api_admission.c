/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/kubernetes/admission: a Pod starts only images that a release names by digest, approved
 * and standing now, for the environment that the Pod's namespace belongs to, on a node that is
 * trusted now. */
#include "verifier/admission.h"
#include "verifier/admission_node.h"

#include "base/text.h"
#include "verifier/rollouts.h"

#include <stdlib.h>

#define CANDIDATES_MAX 256u /* releases that name one image, those in force first */
#define WHY_MAX        ADMISSION_WHY_MAX

static const struct config_namespace *namespace_of(const struct config *config, const char *ns)
{
	for (size_t i = 0; i < config->namespace_count; i++)
		if (strcmp(config->namespaces[i].name, ns) == 0)
			return &config->namespaces[i];
	return NULL;
}

static bool find_releases(struct call *call, const uint8_t digest[SHA256_LEN],
	const char *environment, uint8_t releases[CANDIDATES_MAX][SHA256_LEN], size_t *ret_count,
	struct err *err)
{
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = subjects_find(
		sql, digest, bytes_str(environment), releases, CANDIDATES_MAX, ret_count, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

/* Whether one release that names the image would be trusted now; why: what stands against the
 * first one that is not. */
static bool judge_image(struct call *call, const struct admission_image *image,
	const char *environment, bool *ret_admitted, char why[WHY_MAX], struct err *err)
{
	uint8_t releases[CANDIDATES_MAX][SHA256_LEN];
	char reason[RELEASE_WHY_MAX], shown[320];
	size_t count = 0;
	*ret_admitted = false;
	(void)text_escape(bytes_str(image->image), shown, sizeof(shown));
	if (!image->pinned) {
		(void)snprintf(
			why, WHY_MAX, "image %s is not by digest: expected NAME@sha256:…", shown);
		return true;
	}
	if (!find_releases(call, image->digest, environment, releases, &count, err))
		return false;
	(void)snprintf(why, WHY_MAX, "image %s: no published release for environment %s names it",
		shown, environment);
	for (size_t i = 0; i < count && !*ret_admitted; i++) {
		if (!release_stands(call, releases[i], false, ret_admitted, reason, NULL, err) ||
			(*ret_admitted &&
				!rollout_admits(call, releases[i], ret_admitted, reason, err)))
			return false;
		if (!*ret_admitted && i == 0)
			(void)snprintf(why, WHY_MAX, "image %s: %s", shown, reason);
	}
	return true;
}

static bool judge_review(struct call *call, const struct admission *review, bool *ret_admitted,
	char why[WHY_MAX], struct err *err)
{
	const struct config_namespace *ns = namespace_of(&call->app->config, review->ns);
	*ret_admitted = !review->starts;
	if (!review->starts)
		return true;
	if (!ns) {
		(void)snprintf(why, WHY_MAX, "namespace %s belongs to no environment here",
			ESC(bytes_str(review->ns)));
		return true;
	}
	*ret_admitted = true;
	for (size_t i = 0; i < review->count && *ret_admitted; i++)
		if (!judge_image(
			    call, &review->images[i], ns->environment, ret_admitted, why, err)) {
			*ret_admitted = false;
			return false;
		}
	if (!*ret_admitted)
		return true;
	why[0] = '\0';
	if (!review->placed || admission_node_judge(call, review->node, ns, ret_admitted, why, err))
		return true;
	*ret_admitted = false;
	return false;
}

static void admission_drop(struct admission **a)
{
	if (*a)
		admission_release(*a);
	free(*a);
	*a = NULL;
}

bool serve_admission(struct call *call, struct err *err)
{
	OWNED(admission_drop) struct admission *review = calloc(1, sizeof(*review));
	char why[WHY_MAX] = "";
	bool admitted = false;
	if (!review)
		return err_set(err, ERR_NOMEM, "review");
	if (!admission_parse(http_body(call->exchange), review, err) ||
		!judge_review(call, review, &admitted, why, err))
		return false;
	call_log(call, admitted ? "pod-admitted" : "pod-refused", bytes_str(review->ns),
		bytes_str(why));
	return call_json(
		call, 200, admission_answer(review->uid, admitted, why[0] ? why : NULL), err);
}
