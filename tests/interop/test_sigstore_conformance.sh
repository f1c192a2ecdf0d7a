#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real bundles with known outcomes, good and bad: those of sigstore-conformance, with the keys of Sigstore's public-good
# instance. The two repositories are read from git directories below $ASSAY_INTEROP: sigstore-conformance.git and
# root-signing.git (`git clone --bare`), at the commits pinned here.
. "$(dirname "$0")/lib.sh"
CONFORMANCE=a73de4970176d258e0154c530b89d20b89444e4d # sigstore/sigstore-conformance
ROOT_SIGNING=60cf2ce8b2e45d600dc17c4421e8c751e75772be # sigstore/root-signing
need_git sigstore-conformance.git $CONFORMANCE
need_git root-signing.git $ROOT_SIGNING

git --git-dir="$ASSAY_INTEROP/sigstore-conformance.git" archive $CONFORMANCE test/assets/bundle-verify | tar x -C "$W"
git --git-dir="$ASSAY_INTEROP/root-signing.git" show $ROOT_SIGNING:targets/trusted_root.json >"$W/trusted_root.json"
python3 "$HERE/python/conformance.py" "$W/test/assets/bundle-verify" "$W/trusted_root.json" "$HERE/conformance-differences.txt" ||
	die "an outcome differs that is not known to"
ok "conformance_bundles__outcomes_as_published"
passed
