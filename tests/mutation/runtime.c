/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mutant is alive, in programs linked by tests/mutation/run alone. Every mutant of a file is
 * compiled into it at once; ASSAY_MUTANT names the one that acts. ASSAY_MUTANT_REACHED names a file
 * that gets the numbers of those that were evaluated.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MUTANTS_MAX 20000

int assay_mutant_on(int number);
double assay_mutant_next(double value, int number, double towards);

static int alive = -1;
static unsigned char reached[MUTANTS_MAX];

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("ASSAY_MUTANT");

	if (number)
		alive = atoi(number);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("ASSAY_MUTANT_REACHED");
	FILE *file = path ? fopen(path, "a") : NULL;

	if (!file)
		return;
	for (int i = 0; i < MUTANTS_MAX; i++)
		if (reached[i])
			(void)fprintf(file, "%d\n", i);
	(void)fclose(file);
}

int assay_mutant_on(int number)
{
	reached[number] = 1;
	return number == alive;
}

/* The neighbour of a number, so that "at least" turns into "more than". */
double assay_mutant_next(double value, int number, double towards)
{
	return assay_mutant_on(number) ? nextafter(value, towards) : value;
}
