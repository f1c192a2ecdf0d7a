#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a keyless signer leaves: a certificate for ten minutes by a CA of ours, and the entry of a log of ours (Rekor v1, kind dsse),
as a Sigstore bundle v0.3. All cryptography is openssl's; nothing here is Assay's.

    keyless.py ca DIR                      root.pem, log.pem (public) and their keys
    keyless.py bundle DIR PAYLOAD OUT NAME [REPOSITORY]   signs a statement's bytes as NAME
    keyless.py chain DIR PAYLOAD OUT NAME  a DSSE envelope by a certificate for years; the certificate in OUT.chain.pem"""
import base64
import hashlib
import json
import pathlib
import subprocess
import sys

ISSUER = "https://token.actions.example"
BEGIN, SIGNED = "20260101000000Z", 1767225900  # five minutes later
MEDIA = b"application/vnd.in-toto+json"
CONFIG = """[ca]
default_ca = own
[own]
dir = {d}
database = {d}/index.txt
serial = {d}/serial
new_certs_dir = {d}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectAltName = critical, URI:{name}
1.3.6.1.4.1.57264.1.8 = ASN1:UTF8String:{issuer}
1.3.6.1.4.1.57264.1.12 = ASN1:UTF8String:{repository}
"""


def openssl(*args, data=None):
    return subprocess.run(["openssl", *map(str, args)], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout


def b64(data):
    return base64.b64encode(data).decode()


def der(pem):
    return openssl("x509", "-in", pem, "-outform", "DER")


def configure(d, name="x", repository="x"):
    (d / "ca.cnf").write_text(CONFIG.format(d=d, name=name, issuer=ISSUER, repository=repository))


def key(path):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def sign(private, data):
    return openssl("dgst", "-sha256", "-sign", private, data=data)


def certify(d, of, section, out, end, *how):
    request = openssl("req", "-new", "-key", of, "-subj", f"/CN={section}", "-config", "/dev/null")
    (d / "request.pem").write_bytes(request)
    openssl("ca", "-batch", "-config", d / "ca.cnf", "-in", d / "request.pem", "-extensions", section, "-startdate", BEGIN,
            "-enddate", end, "-notext", "-out", out, *how)


def make_ca(d):
    d.mkdir()
    (d / "index.txt").write_text("")
    (d / "serial").write_text("01\n")
    configure(d)
    for name in ("root", "log", "signer"):
        key(d / f"{name}.key")
    certify(d, d / "root.key", "root", d / "root.pem", "20350101000000Z", "-selfsign", "-keyfile", d / "root.key")
    openssl("pkey", "-in", d / "log.key", "-pubout", "-out", d / "log.pem")


def leaf(d, name, repository, end):
    configure(d, name, repository)
    certify(d, d / "signer.key", "leaf", d / "leaf.pem", end, "-cert", d / "root.pem", "-keyfile", d / "root.key")


def envelope(d, payload):
    pae = b"DSSEv1 %d %s %d %s" % (len(MEDIA), MEDIA, len(payload), payload)
    signature = sign(d / "signer.key", pae)
    return {"payloadType": MEDIA.decode(), "payload": b64(payload), "signatures": [{"keyid": "", "sig": b64(signature)}]}, signature


def entry(d, payload, signature):
    pem = openssl("x509", "-in", d / "leaf.pem")
    body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
        "signatures": [{"signature": b64(signature), "verifier": b64(pem)}]}}, separators=(",", ":")).encode()
    log_id = hashlib.sha256(openssl("pkey", "-in", d / "log.key", "-pubout", "-outform", "DER")).digest()
    # The second of two leaves.
    first = hashlib.sha256(b"\0first").digest()
    root = hashlib.sha256(b"\1" + first + hashlib.sha256(b"\0" + body).digest()).digest()
    text = f"log.example - 7\n2\n{b64(root)}\n"
    note = f"{text}\n\u2014 log.example {b64(log_id[:4] + sign(d / 'log.key', text.encode()))}\n"
    promise = f'{{"body":"{b64(body)}","integratedTime":{SIGNED},"logID":"{log_id.hex()}","logIndex":41}}'
    return {"logIndex": "41", "logId": {"keyId": b64(log_id)}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(SIGNED), "canonicalizedBody": b64(body),
            "inclusionPromise": {"signedEntryTimestamp": b64(sign(d / "log.key", promise.encode()))},
            "inclusionProof": {"logIndex": "1", "treeSize": "2", "rootHash": b64(root), "hashes": [b64(first)],
                               "checkpoint": {"envelope": note}}}


def main(what, d, payload=None, out=None, name=None, repository="https://git.example/acme/agent"):
    d = pathlib.Path(d)
    if what == "ca":
        return make_ca(d)
    payload = pathlib.Path(payload).read_bytes()
    leaf(d, name, repository, "20260101001000Z" if what == "bundle" else "20340101000000Z")
    dsse, signature = envelope(d, payload)
    if what == "chain":
        pathlib.Path(out + ".chain.pem").write_bytes((d / "leaf.pem").read_bytes())
        pathlib.Path(out).write_text(json.dumps(dsse))
        return None
    pathlib.Path(out).write_text(json.dumps({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"certificate": {"rawBytes": b64(der(d / "leaf.pem"))},
                                 "tlogEntries": [entry(d, payload, signature)]}, "dsseEnvelope": dsse}, indent=2))
    return None


main(*sys.argv[1:])
