# SPDX-License-Identifier: Apache-2.0
"""sigstore_trust.py TRUSTED-ROOT DIRECTORY: Sigstore's trusted_root.json as files that our commands take.

roots/N-M.pem (certificate authorities), ct-N.pem (certificate transparency logs), log-N.vkey (transparency logs).
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def write_pem(path, label, text):
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    write(path, "\n".join(["-----BEGIN %s-----" % label, *lines, "-----END %s-----" % label, ""]))


def log_key(log):
    der = base64.b64decode(log["publicKey"]["rawBytes"])
    name = re.sub("^https?://([^/]*).*", r"\1", log["baseUrl"])
    if "ED25519" in log["publicKey"]["keyDetails"]:
        material = b"\1" + der[-32:]
        key_id = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    else:
        material = b"\2" + der
        key_id = hashlib.sha256(der).digest()[:4]
    return "%s+%s+%s" % (name, key_id.hex(), base64.b64encode(material).decode())


def ct_key(log, path):
    bare = "PKCS1" in log["publicKey"]["keyDetails"]
    write_pem(path, "RSA PUBLIC KEY" if bare else "PUBLIC KEY", log["publicKey"]["rawBytes"])
    if bare:
        command = ["openssl", "rsa", "-RSAPublicKey_in", "-in", path, "-pubout", "-out", path]
        subprocess.run(command, check=True, capture_output=True)


def write_trust(root, directory):
    """Writes the files; gives the certificate transparency keys' paths and the logs' keys."""
    roots = os.path.join(directory, "roots")
    os.mkdir(roots)
    for i, authority in enumerate(root.get("certificateAuthorities", [])):
        for j, certificate in enumerate(authority["certChain"]["certificates"]):
            write_pem("%s/%d-%d.pem" % (roots, i, j), "CERTIFICATE", certificate["rawBytes"])
    ct_paths = []
    for i, log in enumerate(root.get("ctlogs", [])):
        ct_paths.append(os.path.join(directory, "ct-%d.pem" % i))
        ct_key(log, ct_paths[-1])
    logs = [log_key(log) for log in root["tlogs"]]
    for i, log in enumerate(logs):
        write(os.path.join(directory, "log-%d.vkey" % i), log)
    return roots, ct_paths, logs


if __name__ == "__main__":
    with open(sys.argv[1]) as opened:
        write_trust(json.load(opened), sys.argv[2])
