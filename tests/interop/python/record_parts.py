# SPDX-License-Identifier: Apache-2.0
"""record_parts.py AUDIT-BUNDLE DIRECTORY: cuts a record's signature for openssl, and walks its proof with hashlib.

Writes signer.der (certificate), signed (the Sig_structure of RFC 9052), signature (as openssl reads it), ca-N.der, and prints
what was recomputed: leaf, commitment, root.
"""
import hashlib
import os
import sys


def read(data, at=0):
    """One item of deterministic CBOR: (value, offset behind it)."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[info], at
    if info >= 24:
        width = 1 << (info - 24)
        info, at = int.from_bytes(data[at : at + width], "big"), at + width
    if major in (0, 1):
        return (info if major == 0 else -1 - info), at
    if major in (2, 3):
        part = bytes(data[at : at + info])
        return (part if major == 2 else part.decode()), at + info
    if major == 4:
        items = []
        for _ in range(info):
            item, at = read(data, at)
            items.append(item)
        return items, at
    if major == 5:
        items = {}
        for _ in range(info):
            key, at = read(data, at)
            items[key], at = read(data, at)
        return items, at
    return read(data, at)  # a tag


def head(major, n):
    return bytes([major << 5 | n]) if n < 24 else bytes([major << 5 | 24, n]) if n < 256 else bytes([major << 5 | 25]) + n.to_bytes(2, "big") if n < 65536 else bytes([major << 5 | 26]) + n.to_bytes(4, "big")


def der_integer(raw):
    raw = raw.lstrip(b"\0") or b"\0"
    raw = (b"\0" if raw[0] & 0x80 else b"") + raw
    return b"\x02" + bytes([len(raw)]) + raw


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(leaf, index, size, proof):
    """RFC 9162, section 2.1.3.2."""
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if fn & 1 or fn == sn:
            r = sha256(b"\1", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    return r


def main(path, directory):
    with open(path, "rb") as file:
        bundle, _ = read(file.read())
    record = bundle[1]
    protected, _, payload, signature = read(record)[0]

    def write(name, data):
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)

    signed = b"\x84\x6aSignature1" + head(2, len(protected)) + protected + b"\x40" + head(2, len(payload)) + payload
    write("signed", signed)
    algorithm = read(protected)[0][1]
    if algorithm == -8:
        write("signature", signature)
    else:
        half = len(signature) // 2
        pair = der_integer(signature[:half]) + der_integer(signature[half:])
        write("signature", b"\x30" + bytes([len(pair)]) + pair)
    write("signer.der", bundle[9][0])
    for i, certificate in enumerate(bundle[9]):
        write("ca-%d.der" % i, certificate)
    leaf, index, size, root, proof = bundle[3], bundle[5], bundle[6], bundle[7], bundle[8]
    proof = [proof[i : i + 32] for i in range(0, len(proof), 32)] if isinstance(proof, bytes) else proof
    print("algorithm", algorithm)
    print("commitment", read(leaf)[0][3] == sha256(bundle[4], record))
    print("root", root_of(sha256(b"\0", leaf), index, size, proof) == root)


main(*sys.argv[1:])
