#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the reasons of a verdict found in the answer of /v1/attest (CBOR that holds the verdict as JSON text)."""
import json
import sys

data = sys.stdin.buffer.read()
decoder = json.JSONDecoder()
at = data.find(b'{"')
if at < 0:
    sys.exit(f"no verdict: {data[:200]!r}")
answer, _ = decoder.raw_decode(data[at:].decode("utf-8", "replace"))
if "error" in answer:
    print(f"refused: {answer['error']['code']}: {answer['error']['message']}")
for reason in answer.get("reasons", []):
    print(f"refused: {reason['code']}: {reason.get('subject', '')}")
    for key in ("expected", "actual", "hint"):
        if reason.get(key):
            print(f"  {key:9} {reason[key]}")
