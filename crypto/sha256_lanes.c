/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256_lanes.h"

#include <stdatomic.h>

#include "crypto/sha256_lanes_kernel.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define SHA256_TAIL_MAX (2 * SHA256_BLOCK)
#define SHA256_PADDING  9u /* the 0x80 and the 64-bit length */

_Alignas(64) const uint32_t sha256_k[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
	0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
	0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
	0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
	0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t sha256_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
	0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

struct lanes_kernel {
	const char *name;
	size_t lanes; /* how many at once serve it best */
	sha256_lanes_blocks blocks; /* NULL: OpenSSL, one by one */
};

static const struct lanes_kernel kernels[] = {
	[SHA256_LANES_OPENSSL] = {.name = "openssl x1", .lanes = 1},
#if defined(__x86_64__)
	[SHA256_LANES_SHANI] = {.name = "sha-ni x2", .lanes = 2, .blocks = sha256_lanes_shani},
	[SHA256_LANES_AVX2] = {.name = "avx2 x8", .lanes = 8, .blocks = sha256_lanes_avx2},
#else
	[SHA256_LANES_SHANI] = {.name = "sha-ni x2"},
	[SHA256_LANES_AVX2] = {.name = "avx2 x8"},
#endif
};

#if defined(__x86_64__)
static bool have_shani(void)
{
	unsigned eax, ebx, ecx, edx;
	if (!__builtin_cpu_supports("sse4.1"))
		return false;
	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA) != 0;
}
static bool have_avx2(void)
{
	return __builtin_cpu_supports("avx2"); /* asks the operating system about YMM state too */
}
#else
static bool have_shani(void)
{
	return false;
}
static bool have_avx2(void)
{
	return false;
}
#endif

/* Bit i: kernel i runs here. Asked once: CPUID is a trap of microseconds inside a virtual machine.
 * The cache is the only mutable state, every writer writes the same value. */
static unsigned kernels_here(void)
{
	static atomic_uint cache;
	unsigned here = atomic_load_explicit(&cache, memory_order_relaxed);
	if (here != 0)
		return here;
	here = 1u << SHA256_LANES_OPENSSL;
	if (have_shani())
		here |= 1u << SHA256_LANES_SHANI;
	if (have_avx2())
		here |= 1u << SHA256_LANES_AVX2;
	atomic_store_explicit(&cache, here, memory_order_relaxed);
	return here;
}

static const struct lanes_kernel *kernel_of(enum sha256_lanes_kind kind)
{
	static const enum sha256_lanes_kind preference[] = {
		SHA256_LANES_SHANI, SHA256_LANES_AVX2, SHA256_LANES_OPENSSL};
	unsigned here = kernels_here();
	for (size_t i = 0; kind == SHA256_LANES_AUTO && i < ARRAY_LEN(preference); i++)
		if (here & (1u << preference[i]))
			kind = preference[i];
	if ((unsigned)kind >= ARRAY_LEN(kernels) || !(here & (1u << kind)))
		return NULL;
	return &kernels[kind];
}

/* One message on its way: first its whole blocks where they lie, then the padded tail. */
struct lane {
	const uint8_t *at;
	size_t blocks; /* left of the run at `at` */
	size_t message;
	size_t tail_blocks; /* 0 once the tail is the run */
	uint8_t tail[SHA256_TAIL_MAX];
};

static void lane_start(struct lane *lane, struct bytes in, size_t message)
{
	size_t rest = in.len % SHA256_BLOCK;
	size_t tail_len = rest + SHA256_PADDING <= SHA256_BLOCK ? SHA256_BLOCK : SHA256_TAIL_MAX;
	uint64_t bits = (uint64_t)in.len * 8;
	memset(lane->tail, 0, sizeof(lane->tail));
	if (rest > 0)
		memcpy(lane->tail, in.data + (in.len - rest), rest);
	lane->tail[rest] = 0x80;
	for (size_t i = 0; i < 8; i++)
		lane->tail[tail_len - 1 - i] = (uint8_t)(bits >> (8 * i));
	lane->message = message;
	lane->blocks = in.len / SHA256_BLOCK;
	lane->at = in.data;
	lane->tail_blocks = tail_len / SHA256_BLOCK;
}

/* The run ahead; false when the message is done. */
static bool lane_run(struct lane *lane)
{
	if (lane->blocks == 0 && lane->tail_blocks > 0) {
		lane->at = lane->tail;
		lane->blocks = lane->tail_blocks;
		lane->tail_blocks = 0;
	}
	return lane->blocks > 0;
}

static void state_put(const uint32_t state[8], uint8_t out[SHA256_LEN])
{
	for (size_t i = 0; i < 8; i++) {
		out[4 * i] = (uint8_t)(state[i] >> 24);
		out[4 * i + 1] = (uint8_t)(state[i] >> 16);
		out[4 * i + 2] = (uint8_t)(state[i] >> 8);
		out[4 * i + 3] = (uint8_t)state[i];
	}
}

/* The lanes of one call: slot[i] is the lane whose state is states[i]; the first `active` are at
 * work. */
struct schedule {
	const struct lanes_kernel *kernel;
	size_t active;
	struct lane lanes[SHA256_LANES_MAX];
	size_t slot[SHA256_LANES_MAX];
	uint32_t states[SHA256_LANES_MAX][8];
};

/* Advances all active lanes by the shortest run. */
static void schedule_step(struct schedule *s)
{
	const uint8_t *data[SHA256_LANES_MAX];
	size_t blocks = SIZE_MAX;
	for (size_t i = 0; i < s->active; i++) {
		const struct lane *lane = &s->lanes[s->slot[i]];
		data[i] = lane->at;
		blocks = lane->blocks < blocks ? lane->blocks : blocks;
	}
	s->kernel->blocks(s->states, data, blocks, s->active);
	for (size_t i = 0; i < s->active; i++) {
		struct lane *lane = &s->lanes[s->slot[i]];
		lane->at += blocks * SHA256_BLOCK;
		lane->blocks -= blocks;
	}
}

/* A finished lane gives its place to the last active one, so that the kernel always sees a dense
 * front. */
static void schedule_drop(struct schedule *s, size_t i)
{
	size_t last = --s->active;
	size_t freed = s->slot[i];
	s->slot[i] = s->slot[last];
	s->slot[last] = freed;
	if (i != last)
		memcpy(s->states[i], s->states[last], sizeof(s->states[i]));
}

static void lanes_run(const struct lanes_kernel *kernel, const struct bytes *in, size_t n,
	uint8_t (*out)[SHA256_LEN])
{
	struct schedule s;
	s.kernel = kernel;
	s.active = 0;
	for (size_t i = 0; i < SHA256_LANES_MAX; i++)
		s.slot[i] = i;
	size_t next = 0;
	while (next < n || s.active > 0) {
		for (; s.active < kernel->lanes && next < n; s.active++, next++) {
			lane_start(&s.lanes[s.slot[s.active]], in[next], next);
			lane_run(&s.lanes[s.slot[s.active]]);
			memcpy(s.states[s.active], sha256_start, sizeof(sha256_start));
		}
		schedule_step(&s);
		for (size_t i = s.active; i-- > 0;) {
			struct lane *lane = &s.lanes[s.slot[i]];
			if (lane_run(lane))
				continue;
			state_put(s.states[i], out[lane->message]);
			schedule_drop(&s, i);
		}
	}
}

bool sha256_lanes_with(enum sha256_lanes_kind kind, const struct bytes *in, size_t n,
	uint8_t (*out)[SHA256_LEN], struct err *err)
{
	const struct lanes_kernel *kernel = kernel_of(kind);
	if (!kernel)
		return err_set(err, ERR_UNSUPPORTED, "SHA-256 kernel %d: not on this processor",
			(int)kind);
	if (kernel->blocks) {
		lanes_run(kernel, in, n, out);
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (!sha256_of(in[i], out[i], err))
			return false;
	return true;
}

bool sha256_lanes(const struct bytes *in, size_t n, uint8_t (*out)[SHA256_LEN], struct err *err)
{
	return sha256_lanes_with(SHA256_LANES_AUTO, in, n, out, err);
}

const char *sha256_lanes_name(void)
{
	return kernel_of(SHA256_LANES_AUTO)->name;
}
