#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# DSSE by securesystemslib over statements by in-toto-attestation: they verify what we sign, and we verify, and open a gate
# by, what they sign.
. "$(dirname "$0")/lib.sh"
LOCK=$HERE/python/securesystemslib.txt
fill_securesystemslib() { fill_python "$1" "$LOCK"; }
tool securesystemslib "$LOCK"
theirs() { "$TOOL/venv/bin/python" "$HERE/python/securesystemslib_driver.py" "$@"; }

cd "$W"
ec_key builder
ed_key ci
ed_key alice
for kind in ed25519 P-256 P-384 P-521; do
	if [ $kind = ed25519 ]; then ed_key $kind; else ec_key $kind $kind; fi
done
ec_key other
build_make

# Ours to them.
release() { assay release create release.yaml --key "$1" --out "$2"; }
for kind in ed25519 P-256 P-384; do
	expect 0 '' release $kind $kind.dsse
	expect 0 'verified https://assay.example/release/v1' theirs verify $kind.dsse $kind.pub
	refuses 'do not match threshold' theirs verify $kind.dsse other.pub
	sed 's/"payload": *"e/"payload": "f/' $kind.dsse >changed.dsse
	! cmp -s $kind.dsse changed.dsse || die "nothing was changed"
	refuses 'do not match threshold' theirs verify changed.dsse $kind.pub
done
ok "release__of_each_key__they_verify"

expect 0 '' release builder release.dsse
expect 0 '' assay release sign release.dsse --key other --out two.dsse
expect 0 'verified' theirs verify two.dsse builder.pub other.pub
expect 0 '' assay release approve release.dsse --person alice --role model-risk --env prod --reason tested --key alice --policy policy.yaml --out alice.dsse
expect 0 'verified https://assay.example/approval/v1' theirs verify alice.dsse alice.pub
ok "release_of_two_signers_and_approval__they_verify"

# Theirs to us.
for kind in ed25519 P-256; do
	expect 0 '' theirs sign provenance provenance.dsse $kind agent https://ci.bank.example
	expect 0 'builder +https://ci.bank.example' assay provenance verify provenance.dsse --key $kind.pub --subject agent
	grep -qE 'source_commit +0{39}7' "$W/out" || die "the source's commit is not read"
	grep -qE 'finished +2026-08-01T10:04:10Z' "$W/out" || die "the time is not read"
	expect 1 'no signature verifies' assay provenance verify provenance.dsse --key other.pub --subject agent
	expect 1 'about other subjects' assay provenance verify provenance.dsse --key $kind.pub --subject model.bin
	expect 0 '' theirs sign tests tests.dsse $kind agent PASSED
	expect 0 'result +passed' assay provenance verify tests.dsse --key $kind.pub --subject agent
	expect 0 '' theirs sign vsa vsa.dsse $kind agent PASSED
	expect 0 'verifier +https://verifier.example' assay provenance verify vsa.dsse --key $kind.pub --subject agent
	expect 0 '' theirs sign scai scai.dsse $kind agent x
	expect 0 'kind +other' assay provenance verify scai.dsse --key $kind.pub --subject agent
	expect 0 'verified by' assay dsse verify vsa.dsse --key $kind.pub
done
ok "provenance_tests_summary_and_other__of_each_key__we_verify"

# They hash for P-384 with SHA-384 too.
expect 0 '' theirs sign tests tests.dsse P-384 agent PASSED
expect 0 'result +passed' assay provenance verify tests.dsse --key P-384.pub --subject agent
ok "tests__by_p384__we_verify"

expect 0 '' theirs sign provenance provenance.dsse ci agent https://ci.bank.example
expect 0 '' theirs sign tests tests.dsse ci agent PASSED
gate() { assay gate release.dsse --env prod --policy policy.yaml --approval alice.dsse "$@"; }
expect 1 'statement-missing: statement tests' gate --statement provenance.dsse
expect 0 'gate open' gate --statement provenance.dsse --statement tests.dsse
expect 0 '' theirs sign tests failed.dsse ci agent FAILED
expect 1 'found +failed' gate --statement provenance.dsse --statement failed.dsse
ok "gate__opens_by_statements_that_they_signed"
passed
