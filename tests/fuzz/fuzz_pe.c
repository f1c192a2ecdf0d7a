/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE images. Who supplies the bytes: whoever builds or ships a boot image whose digest an operator predicts; the file comes
 * from a package or a download.
 */
#include "firmware/pe.h"

#include <assert.h>

static bool inside(struct bytes view, const uint8_t *data, size_t size)
{
	return view.len == 0 || (view.data >= data && view.data + view.len <= data + size);
}

/* The digest knows nothing of the checksum, which may only lie in the headers when no section does. */
static void assert_blind(const struct pe_image *image, const struct digest *digest)
{
	OWNED(buf_release) struct buf copy = {0};
	struct pe_image other;
	struct digest again;
	struct err err;

	for (size_t i = 0; i < image->section_count; i++)
		if (image->sections[i].data.len &&
			image->sections[i].file_offset < image->headers_size)
			return;
	buf_put(&copy, image->file);
	assert(!copy.failed);
	for (size_t i = 0; i < 4; i++)
		copy.data[image->checksum_at + i] ^= 0x55;
	if (!pe_parse(buf_bytes(&copy), &other, &err))
		return; /* the checksum lay over another field of a strange header */
	if (other.checksum_at == image->checksum_at && other.security_at == image->security_at)
		assert(pe_authenticode(&other, DIGEST_SHA256, &again, &err) &&
			digest_equal(&again, digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pe_image image;
	struct pe_signature signature;
	struct digest digest;
	struct err err;
	size_t at = 0, count = 0;

	if (!pe_parse(bytes_of(data, size), &image, &err))
		return 0;
	assert(image.section_count > 0 && image.section_count <= PE_SECTIONS_MAX);
	for (size_t i = 0; i < image.section_count; i++) {
		assert(inside(image.sections[i].data, data, size));
		assert(pe_section_find(&image, image.sections[i].name, i) == i);
	}
	assert(inside(image.certificates, data, size));
	while (pe_signature_next(&image, &at, &signature, &err)) {
		assert(inside(signature.content, image.certificates.data, image.certificates.len));
		count++;
	}
	assert(count <= image.certificates.len / 8);
	if (pe_authenticode(&image, DIGEST_SHA256, &digest, &err))
		assert_blind(&image, &digest);
	return 0;
}
