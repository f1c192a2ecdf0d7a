#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Provenance as SLSA's generators for GitHub published it, with Fulcio certificates and Rekor's proof, from the test data of
# slsa-verifier. slsa-verifier itself fetches Sigstore's trust root at each run and has no way to be given one, so it cannot judge
# beside us offline. The two repositories are read from git directories below $ASSAY_INTEROP: slsa-verifier.git and
# root-signing.git (`git clone --bare`), at the commits pinned here.
. "$(dirname "$0")/lib.sh"
SLSA_VERIFIER=aaf98fd77ddc1963c0f34f34c46bd84d7a08c260 # slsa-framework/slsa-verifier
ROOT_SIGNING=60cf2ce8b2e45d600dc17c4421e8c751e75772be # sigstore/root-signing
need_git slsa-verifier.git $SLSA_VERIFIER
need_git root-signing.git $ROOT_SIGNING
cd "$W"
git --git-dir="$ASSAY_INTEROP/root-signing.git" show $ROOT_SIGNING:targets/trusted_root.json >trusted_root.json
python3 "$HERE/python/sigstore_trust.py" trusted_root.json .
GENERATOR=https://github.com/slsa-framework/slsa-github-generator/.github/workflows
ISSUER=https://token.actions.githubusercontent.com
verify() { # FILE WORKFLOW SUBJECT [LOG]
	assay provenance verify "$1" --roots roots --identity "$GENERATOR/$2@refs/tags/v2.1.0" --issuer $ISSUER \
		--log-key "$(cat "${4:-log-0.vkey}")" --ct-key ct-0.pem --ct-key ct-1.pem --subject "$3"
}
take() { git --git-dir="$ASSAY_INTEROP/slsa-verifier.git" show "$SLSA_VERIFIER:cli/slsa-verifier/testdata/$1" >"$2"; }

printf other >other
while read -r builder workflow suffix type; do
	for event in workflow_dispatch push-v14 push-v14.2 push-v13.0.30; do
		path=gha_$builder/v2.1.0/binary-linux-amd64-$event
		take "$path" artefact
		take "$path$suffix" provenance
		expect 0 "predicate_type +https://slsa.dev/provenance/$type" verify provenance "$workflow" artefact
		grep -qE 'logged_at +2025-02-25T21:' "$W/out" || die "the log's time is not read"
		[ "$type" = v0.2 ] || grep -qE "builder +https://github.com/slsa-framework/" "$W/out" || die "the builder is not read"
		expect 1 'about other subjects' verify provenance "$workflow" other
		expect 1 'is not the one pinned' verify provenance other.yml artefact
		expect 1 'no signature by' verify provenance "$workflow" artefact log-1.vkey
	done
	python3 "$HERE/python/spoil.py" provenance spoilt 'flip(b["dsseEnvelope"], "payload")'
	expect 1 "no signature verifies" verify spoilt "$workflow" artefact
	python3 "$HERE/python/spoil.py" provenance spoilt 'more(m["tlogEntries"][0], "integratedTime")'
	expect 1 "signed entry timestamp" verify spoilt "$workflow" artefact
done <<-EOF
	generic generator_generic_slsa3.yml .intoto.jsonl v0.2
	delegator delegator_generic_slsa3.yml .build.slsa v1
	container-based builder_container-based_slsa3.yml .intoto.build.slsa v1
EOF
ok "published_provenance__verified_and_each_spoilt_one_refused"
passed
