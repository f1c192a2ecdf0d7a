# SPDX-License-Identifier: Apache-2.0
"""The reference implementation of OpenSSF Model Signing by its own interface: its command has no option for shards.

usage: model_signing_driver.py sign|verify MODEL SIGNATURE [key=F] [cert=F chain=F] [roots=F] [shards=N] [links=yes] [ignore=PATH]
"""
import pathlib
import sys

from model_signing import hashing, signing, verifying

what, model, signature, *rest = sys.argv[1:]
model, signature = pathlib.Path(model), pathlib.Path(signature)
options = dict(item.split("=", 1) for item in rest)
file = {name: pathlib.Path(options[name]) for name in ("key", "cert", "chain", "roots") if name in options}
links = "links" in options

hashes = hashing.Config()
if "shards" in options:
    hashes.use_shard_serialization(shard_size=int(options["shards"]), allow_symlinks=links)
else:
    hashes.use_file_serialization(allow_symlinks=links)
hashes.set_ignored_paths(paths=[signature.name] + ([options["ignore"]] if "ignore" in options else []))
hashes.set_allow_symlinks(links)

if what == "sign":
    config = signing.Config().set_hashing_config(hashes)
    if "cert" in file:
        config.use_certificate_signer(
            private_key=file["key"], signing_certificate=file["cert"], certificate_chain=[file["chain"]]
        )
    else:
        config.use_elliptic_key_signer(private_key=file["key"])
    config.sign(model, signature)
else:
    config = verifying.Config()  # what is hashed how, it takes from the signature
    if "roots" in file:
        config.use_certificate_verifier(certificate_chain=[file["roots"]])
    else:
        config.use_elliptic_key_verifier(public_key=file["key"])
    config.verify(model, signature)
