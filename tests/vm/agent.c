/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of the machine: prints the SHA-256 of each file it is given, which is how a test sees what it
 * read, waits for its credentials, and goes on until its standard input ends. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int print_digest(const char *path)
{
	static unsigned char data[8 << 20];
	FILE *file = fopen(path, "rb");
	if (!file)
		return 0;
	size_t n = fread(data, 1, sizeof(data), file);
	int whole = feof(file);
	fclose(file);
	unsigned char digest[32];
	size_t len = sizeof(digest);
	if (!whole || !EVP_Q_digest(NULL, "SHA256", NULL, data, n, digest, &len))
		return 0;
	for (size_t i = 0; i < len; i++)
		printf("%02x", digest[i]);
	printf("  %s\n", path);
	return 1;
}

/* The bundle is written last: when it is there, all are. */
static int wait_for_credentials(void)
{
	const char *directory = getenv("ASSAY_CREDENTIALS");
	if (!directory || chdir(directory) != 0)
		return 0;
	for (int i = 0; i < 300; i++) {
		if (access("bundle.pem", R_OK) == 0)
			return 1;
		usleep(100 * 1000);
	}
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!print_digest(argv[i]))
			return 1;
	fflush(stdout);
	if (!wait_for_credentials())
		return 1;
	puts("has its credentials");
	while (getchar() != EOF)
		continue;
	return 0;
}
