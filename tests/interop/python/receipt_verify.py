# SPDX-License-Identifier: Apache-2.0
"""Verifies records and receipts by docs/formats/record.md and the RFCs alone, with cbor2 and cryptography.

receipt_verify.py bundle FILE CA.pem RECEIPT-KEY.pem ORIGIN        an audit bundle: record, leaf, receipt, its signer's certificate
receipt_verify.py statement FILE RECORD-CERT.der RECEIPT-KEY.pem ORIGIN    a Transparent Statement
receipt_verify.py receipt FILE LEAF-HASH RECEIPT-KEY.pem ORIGIN    a receipt of inclusion
receipt_verify.py make DIRECTORY COUNT INDEX [vds|order|kid]       a receipt by this program, of a log of its own: key.pem,
                                                                   receipt, leaf; or one that is to be refused or not
"""
import hashlib
import os
import sys

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

ES256 = -7
ALG, CONTENT_TYPE, KID, CWT_CLAIMS, RECEIPTS, VDS, VDP, SALT = 1, 3, 4, 15, 394, 395, 396, -75100
RECORD = "application/vnd.assay.record+cbor"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def check(holds, what):
    if not holds:
        sys.exit("refused: " + what)


def sig_structure(protected, payload):
    return cbor2.dumps(["Signature1", protected, b"", payload])


def verify_cose(message, key, payload):
    protected, _, _, signature = message.value
    check(message.tag == 18 and cbor2.loads(protected)[ALG] == ES256 and len(signature) == 64, "not ES256 in COSE_Sign1")
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        key.verify(der, sig_structure(protected, payload), ec.ECDSA(hashes.SHA256()))
    except Exception:
        sys.exit("refused: the signature does not verify")


def root_of(leaf, index, size, path):
    """RFC 9162, section 2.1.3.2."""
    check(index < size, "a leaf outside its tree")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        check(sn != 0, "the path is too long")
        if fn & 1 or fn == sn:
            r = sha256(b"\1", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    check(sn == 0, "the path is too short")
    return r


def verify_receipt(raw, leaf_hash, key, origin):
    message = cbor2.loads(raw)
    protected, unprotected, payload, _ = message.value
    header = cbor2.loads(protected)
    check(header[VDS] == 1 and payload is None, "not a receipt of RFC9162_SHA256")
    check(header[KID] == sha256(spki(key)), "of another key")
    [proof] = unprotected[VDP][-1]
    size, index, path = cbor2.loads(proof)
    check(header[CWT_CLAIMS] == {1: origin, 2: "tree/%d" % size}, "of another log or tree: %r" % header[CWT_CLAIMS])
    root = root_of(leaf_hash, index, size, path)
    verify_cose(message, key, root)
    return size, index, root


def verify_record(raw, key):
    """Gives its header and payload."""
    message = cbor2.loads(raw)
    protected, unprotected, payload, _ = message.value
    header, content = cbor2.loads(protected), cbor2.loads(payload)
    check(header[CONTENT_TYPE] == RECORD and unprotected == {}, "not a record as registered")
    check(header[KID] == sha256(spki(key)), "signed by another key")
    claims = header[CWT_CLAIMS]
    check(claims == {1: content[11], 2: "host/" + content[3].hex(), 6: content[1]}, "header and payload disagree")
    verify_cose(message, key, payload)
    return header, content


def leaf_of(record, salt):
    header, content = (cbor2.loads(cbor2.loads(record).value[i]) for i in (0, 2))
    return cbor2.dumps({0: 1, 1: content[1], 2: header[KID], 3: sha256(salt, record)}, canonical=True)


def public_key(path):
    with open(path, "rb") as file:
        return serialization.load_pem_public_key(file.read())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def bundle(path, ca, key, origin):
    b = cbor2.loads(read(path))
    signer = x509.load_der_x509_certificate(b[9][0])
    authority = x509.load_pem_x509_certificate(read(ca))
    signer.verify_directly_issued_by(authority)
    verify_record(b[1], signer.public_key())
    leaf = leaf_of(b[1], b[4])
    check(leaf == b[3], "another leaf")
    leaf_hash = sha256(b"\0", leaf)
    proof = [b[8][i : i + 32] for i in range(0, len(b[8]), 32)]
    check(root_of(leaf_hash, b[5], b[6], proof) == b[7], "the bundle's proof leads elsewhere")
    size, index, root = verify_receipt(b[12], leaf_hash, public_key(key), origin)
    check(index == b[5] and (size != b[6] or root == b[7]), "the receipt is of another leaf or tree")
    print("verified", leaf_hash.hex(), index, size)


def statement(path, certificate, key, origin):
    message = cbor2.loads(read(path))
    protected, unprotected, payload, signature = message.value
    record = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))
    verify_record(record, x509.load_der_x509_certificate(read(certificate)).public_key())
    leaf_hash = sha256(b"\0", leaf_of(record, unprotected[SALT]))
    for raw in unprotected[RECEIPTS]:
        size, index, _ = verify_receipt(raw, leaf_hash, public_key(key), origin)
    print("verified", leaf_hash.hex(), index, size)


def receipt(path, leaf_hash, key, origin):
    size, index, _ = verify_receipt(read(path), bytes.fromhex(leaf_hash), public_key(key), origin)
    print("verified", leaf_hash, index, size)


def tree(leaves):
    """RFC 9162, section 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\1", tree(leaves[:k]), tree(leaves[k:]))


def path_to(index, leaves):
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < k:
        return path_to(index, leaves[:k]) + [tree(leaves[k:])]
    return path_to(index - k, leaves[k:]) + [tree(leaves[:k])]


def make(directory, count, index, how=""):
    count, index = int(count), int(index)
    leaves = [sha256(b"\0", b"leaf %d" % i) for i in range(count)]
    key = ec.generate_private_key(ec.SECP256R1())
    kid = sha256(spki(key.public_key()))
    header = {ALG: ES256, KID: kid, CWT_CLAIMS: {1: "theirs.example", 2: "tree/%d" % count}, VDS: 2 if how == "vds" else 1}
    if how == "order":
        header = dict(reversed(header.items()))
    unprotected = {}
    if how == "kid":
        unprotected[KID] = header.pop(KID)
    unprotected[VDP] = {-1: [cbor2.dumps([count, index, path_to(index, leaves)])]}
    protected = cbor2.dumps(header)
    r, s = utils.decode_dss_signature(key.sign(sig_structure(protected, tree(leaves)), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    raw = cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected, None, signature]))
    for name, data in {
        "receipt": raw,
        "leaf": b"leaf %d" % index,
        "key.pem": key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    }.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)


{"bundle": bundle, "statement": statement, "receipt": receipt, "make": make}[sys.argv[1]](*sys.argv[2:])
