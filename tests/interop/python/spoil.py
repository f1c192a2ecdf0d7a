# SPDX-License-Identifier: Apache-2.0
"""spoil.py BUNDLE OUT STATEMENT: a Sigstore bundle changed by a Python statement over b (the bundle) and m (its material, if it has any)."""
import base64
import json
import sys


def flip(holder, key):
    raw = bytearray(base64.b64decode(holder[key]))
    raw[-1] ^= 1
    holder[key] = base64.b64encode(raw).decode()


def more(holder, key):
    holder[key] = str(int(holder[key]) + 1)


with open(sys.argv[1]) as file:
    b = json.load(file)
m = b.get("verificationMaterial")
before = json.dumps(b)
exec(sys.argv[3], {"b": b, "m": m, "flip": flip, "more": more})
if json.dumps(b) == before:
    sys.exit("nothing was changed")
with open(sys.argv[2], "w") as file:
    json.dump(b, file)
