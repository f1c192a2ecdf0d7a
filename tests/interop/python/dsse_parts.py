# SPDX-License-Identifier: Apache-2.0
"""DSSE for openssl, which knows only bytes.

cut ENVELOPE: writes what is signed (the pre-authentication encoding) to `pae`, and signature N to `signature-N`.
pae PAYLOAD: writes what is to be signed over the payload.
join PAYLOAD SIGNATURE ENVELOPE: the envelope.
log PAYLOAD SIGNATURE PUBLIC-KEY LOG-NAME LOG-PUBLIC-DER LOG-KEY BUNDLE: a Sigstore bundle whose log, of one entry, is signed by
openssl: `openssl pkeyutl` or `dgst`, as the key is.
"""
import base64
import hashlib
import json
import subprocess
import sys

TYPE = "application/vnd.in-toto+json"
TIME = 1790000000


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def b64(data):
    return base64.b64encode(data).decode()


def pae_of(kind, payload):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def cut(envelope):
    opened = json.loads(read(envelope))
    write("pae", pae_of(opened["payloadType"], base64.b64decode(opened["payload"])))
    for i, signature in enumerate(opened["signatures"]):
        write("signature-%d" % i, base64.b64decode(signature["sig"]))


def pae(payload):
    write("pae", pae_of(TYPE, read(payload)))


def envelope_of(payload, signature):
    signatures = [{"keyid": "", "sig": b64(read(signature))}]
    return {"payloadType": TYPE, "payload": b64(read(payload)), "signatures": signatures}


def join(payload, signature, out):
    write(out, json.dumps(envelope_of(payload, signature)).encode())


def openssl_sign(key, data):
    write("to-sign", data)
    kind = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], capture_output=True, check=True).stdout
    if b"ED25519" in kind:
        command = ["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", "to-sign"]
    else:
        command = ["openssl", "dgst", "-sha256", "-sign", key, "to-sign"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def log(payload, signature, public_key, name, log_der, log_key, out):
    body = canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(read(payload)).hexdigest()},
        "signatures": [{"signature": b64(read(signature)), "verifier": b64(read(public_key))}]}})
    root = hashlib.sha256(b"\0" + body).digest()
    der = read(log_der)
    if len(der) == 44:  # Ed25519
        material = b"\1" + der[-32:]
        key_id = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    else:
        material = b"\2" + der
        key_id = hashlib.sha256(der).digest()[:4]
    text = "%s\n1\n%s\n" % (name, b64(root))
    line = b64(key_id + openssl_sign(log_key, text.encode()))
    log_id = hashlib.sha256(der).digest()
    promise = openssl_sign(log_key, canonical({"body": b64(body), "integratedTime": TIME, "logID": log_id.hex(), "logIndex": 7}))
    entry = {
        "logIndex": "7", "logId": {"keyId": b64(log_id)}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": str(TIME), "inclusionPromise": {"signedEntryTimestamp": b64(promise)},
        "inclusionProof": {"logIndex": "0", "rootHash": b64(root), "treeSize": "1", "hashes": [],
                           "checkpoint": {"envelope": "%s\n\u2014 %s %s\n" % (text, name, line)}},
        "canonicalizedBody": b64(body)}
    write(out, json.dumps({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}, "tlogEntries": [entry]},
        "dsseEnvelope": envelope_of(payload, signature)}).encode())
    write("log.vkey", ("%s+%s+%s" % (name, key_id.hex(), b64(material))).encode())


if __name__ == "__main__":
    {"cut": cut, "pae": pae, "join": join, "log": log}[sys.argv[1]](*sys.argv[2:])
