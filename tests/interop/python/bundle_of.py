# SPDX-License-Identifier: Apache-2.0
"""bundle_of.py ENVELOPE OUT: a DSSE envelope in a Sigstore bundle of a key. The key id, which is not signed, is left out: cosign
takes another than its own for another key."""
import json
import sys

with open(sys.argv[1]) as file:
    envelope = json.load(file)
for signature in envelope["signatures"]:
    signature["keyid"] = ""
bundle = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"publicKey": {"hint": ""}},
    "dsseEnvelope": envelope,
}
with open(sys.argv[2], "w") as file:
    json.dump(bundle, file)
