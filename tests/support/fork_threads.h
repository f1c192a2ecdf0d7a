/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork() in a process that has threads, for a child that goes on with our own code. The C library's allocator can do that; the
 * address sanitizer's cannot: what another thread has locked of it stays locked in the child, which then stands still for good.
 * Such a child, seen by its not having used all of the allocator in good time, is killed, and another one is made.
 */
#ifndef ASSAY_TESTS_FORK_THREADS_H
#define ASSAY_TESTS_FORK_THREADS_H

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORK_PATIENCE_MS 5000

#ifdef __SANITIZE_ADDRESS__

/* As many of each size as a thread does not have at hand. */
static inline void fork_use_allocator(void)
{
	enum { SMALL_MAX = 300, SIZE_MAX_ = 160 << 10, CACHED = 128 << 10 };
	static void *volatile taken[SMALL_MAX];
	for (size_t size = 1; size < SIZE_MAX_; size += size < 128 ? 16 : size / 8) {
		size_t n = CACHED / size + 3, count = 0;
		while (count < n && count < SMALL_MAX)
			taken[count++] = malloc(size);
		while (count > 0)
			free(taken[--count]);
	}
	void *volatile large = malloc(4u << 20);
	free(large);
}

static inline bool fork_child_lives(pid_t pid, int end)
{
	struct pollfd said = {.fd = end, .events = POLLIN};
	if (pid < 0 || poll(&said, 1, FORK_PATIENCE_MS) != 0)
		return true;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return false;
}

static inline pid_t fork_beside_threads(void)
{
	for (;;) {
		int ends[2];
		if (pipe(ends) != 0)
			return -1;
		pid_t pid = fork();
		if (pid == 0) {
			fork_use_allocator();
			bool told = write(ends[1], "", 1) == 1;
			(void)close(ends[0]);
			(void)close(ends[1]);
			if (!told)
				_exit(98);
			return 0;
		}
		(void)close(ends[1]);
		bool lives = fork_child_lives(pid, ends[0]);
		(void)close(ends[0]);
		if (lives)
			return pid;
	}
}

#else

static inline pid_t fork_beside_threads(void)
{
	return fork();
}

#endif

#endif
