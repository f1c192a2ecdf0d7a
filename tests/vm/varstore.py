#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""varstore.py EMPTY OUT PK.der KEK.der DB.der on|off

Puts Secure Boot keys of our own into a copy of OVMF's empty variable store, and Secure Boot on or off, as a person does in
the firmware's setup. The layout is that of EDK II: a firmware volume (PI specification, volume 3, 3.2) whose first block
holds the authenticated variable store (MdeModulePkg/Include/Guid/VariableFormat.h).
"""
import hashlib
import struct
import sys
import uuid

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SECURITY_DATABASE = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
SECURE_BOOT_ENABLE = "f0a30bc7-af08-4556-99c4-001009c93a44"
CUSTOM_MODE = "c076ec0c-7028-4399-a072-71ee5c448b9f"
CERT_X509 = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
CERT_SHA256 = "c1c41626-504c-4092-aca9-41f936934328"
OWNER = "61736179-7465-7374-8000-000000000001"
STORE = "aaf32c78-947b-439a-a180-2e144ec37792"
NON_VOLATILE_BOOT = 0x03
AUTHENTICATED = 0x27  # besides: at run time, time-based authenticated writes


def guid(text):
    return uuid.UUID(text).bytes_le


def signature_list(kind, entry):
    size = 16 + len(entry)
    return guid(kind) + struct.pack("<III", 28 + size, 0, size) + guid(OWNER) + entry


def variable(name, vendor, attributes, data):
    wide = (name + "\0").encode("utf-16-le")
    time = struct.pack("<HBBBBBBIhBB", 2026, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0) if attributes == AUTHENTICATED else bytes(16)
    head = struct.pack("<HBBIQ", 0x55AA, 0x3F, 0, attributes, 0) + time
    head += struct.pack("<III", 0, len(wide), len(data)) + guid(vendor)
    record = head + wide + data
    return record + b"\xff" * (-len(record) % 4)


def main():
    empty, out, pk, kek, db, secure_boot = sys.argv[1:7]
    image = bytearray(open(empty, "rb").read())
    at = struct.unpack_from("<H", image, 48)[0]  # length of the volume's header
    if image[40:44] != b"_FVH" or image[at : at + 16] != guid(STORE):
        sys.exit("%s: not an authenticated variable store" % empty)
    at += 28
    if image[at : at + 2] != b"\xff\xff":
        sys.exit("%s: not empty" % empty)
    x509 = lambda path: signature_list(CERT_X509, open(path, "rb").read())
    revoked = signature_list(CERT_SHA256, hashlib.sha256(b"an image that was revoked").digest())
    records = b"".join(
        [
            variable("PK", GLOBAL, AUTHENTICATED, x509(pk)),
            variable("KEK", GLOBAL, AUTHENTICATED, x509(kek)),
            variable("db", SECURITY_DATABASE, AUTHENTICATED, x509(db)),
            variable("dbx", SECURITY_DATABASE, AUTHENTICATED, revoked),
            variable("SecureBootEnable", SECURE_BOOT_ENABLE, NON_VOLATILE_BOOT, bytes([secure_boot == "on"])),
            variable("CustomMode", CUSTOM_MODE, NON_VOLATILE_BOOT, b"\0"),
        ]
    )
    image[at : at + len(records)] = records
    open(out, "wb").write(image)


main()
