/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random_blocks.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE_LEN 4096u

/* In a child all of it is zeros: nothing left, and a mutex that nobody holds. */
struct page {
	pthread_mutex_t lock;
	size_t left; /* at the end of bytes */
	uint8_t bytes[PAGE_LEN - sizeof(pthread_mutex_t) - sizeof(size_t)];
};
static_assert(sizeof(struct page) == PAGE_LEN, "a page of the smallest machine");

struct random_blocks {
	struct random base;
	struct random *source;
	struct page *page;
};

static bool blocks_take(
	struct random *source, struct page *page, uint8_t *out, size_t len, struct err *err)
{
	if (page->left < len) {
		page->left = 0;
		if (!random_fill(source, page->bytes, sizeof(page->bytes), err))
			return false;
		page->left = sizeof(page->bytes);
	}
	uint8_t *from = page->bytes + sizeof(page->bytes) - page->left;
	memcpy(out, from, len);
	secret_wipe(from, len);
	page->left -= len;
	return true;
}

static bool blocks_fill(struct random *random, uint8_t *out, size_t len, struct err *err)
{
	struct random_blocks *blocks = (struct random_blocks *)random;
	if (len > RANDOM_BLOCKS_MAX)
		return random_fill(blocks->source, out, len, err);
	(void)pthread_mutex_lock(&blocks->page->lock);
	bool ok = blocks_take(blocks->source, blocks->page, out, len, err);
	(void)pthread_mutex_unlock(&blocks->page->lock);
	return ok;
}

static const struct random_ops blocks_ops = {.fill = blocks_fill};

bool random_blocks_new(struct random *source, struct random_blocks **ret, struct err *err)
{
	OWNED(random_blocks_free) struct random_blocks *blocks = calloc(1, sizeof(*blocks));
	if (!blocks)
		return err_set(err, ERR_NOMEM, "random: out of memory");
	void *page =
		mmap(NULL, PAGE_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return err_set(err, ERR_NOMEM, "random: out of memory");
	blocks->base.ops = &blocks_ops;
	blocks->source = source;
	blocks->page = page;
	if (madvise(page, PAGE_LEN, MADV_WIPEONFORK) != 0)
		return err_set(err, ERR_UNSUPPORTED,
			"random: this kernel keeps no page from child processes "
			"(MADV_WIPEONFORK: Linux 4.14)");
	(void)madvise(page, PAGE_LEN, MADV_DONTDUMP);
	if (pthread_mutex_init(&blocks->page->lock, NULL) != 0)
		return err_set(err, ERR_NOMEM, "random: out of memory");
	*ret = TAKE(blocks);
	return true;
}

struct random *random_blocks_random(struct random_blocks *blocks)
{
	return &blocks->base;
}

void random_blocks_free(struct random_blocks **blocks)
{
	struct random_blocks *self = TAKE(*blocks);
	if (!self)
		return;
	if (self->page) {
		secret_wipe(self->page, PAGE_LEN);
		(void)munmap(self->page, PAGE_LEN);
	}
	free(self);
}
