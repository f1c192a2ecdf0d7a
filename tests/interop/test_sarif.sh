#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `assay gate --sarif` writes, against the official JSON schema of SARIF 2.1.0 (OASIS sarif-spec,
# sarif-2.1/schema/sarif-schema-2.1.0.json), which $ASSAY_SARIF_SCHEMA names. The validator is in the Python environment that
# $ASSAY_INTEROP_SARIF names, which is made there if it is not: nothing is installed or fetched unasked.
set -euo pipefail
PACKAGES="jsonschema==4.26.0"
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export PATH=${ASSAY_BIN:-$ROOT/build/release/bin}:$PATH
SCHEMA=${ASSAY_SARIF_SCHEMA:-}
VENV=${ASSAY_INTEROP_SARIF:-}
[ -n "$VENV" ] || { echo "skipped: $PACKAGES: ASSAY_INTEROP_SARIF names no environment"; exit 77; }
[ -r "$SCHEMA" ] || { echo "skipped: the SARIF 2.1.0 schema: ASSAY_SARIF_SCHEMA names no file"; exit 77; }
W=$(mktemp -d /tmp/assay.XXXXXX)
trap 'rm -rf "$W"' EXIT
if [ ! -x "$VENV/bin/python" ]; then
	# shellcheck disable=SC2086
	{ python3 -m venv "$VENV" && timeout 240 "$VENV/bin/pip" install -q $PACKAGES; } >"$W/errors" 2>&1 ||
		{ echo "skipped: $PACKAGES cannot be had here"; exit 77; }
fi
"$VENV/bin/python" -c 'import jsonschema' 2>"$W/errors" || { echo "skipped: jsonschema does not load"; exit 77; }

cd "$W"
for name in builder alice; do
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name 2>/dev/null
	chmod 600 $name
	openssl pkey -in $name -pubout -out $name.pub
done
cp /bin/true agent
printf 'workload: ocr-agent\ncommand: [%s/agent]\ncomponents:\n  - {name: agent, role: binary, path: %s/agent}\ncredentials: [x509]\n' "$W" "$W" >workload.yaml
printf 'release: ocr\nversion: 1\nworkload: workload.yaml\nowner: o\nauthor: dave\npurpose: p\nrisk_class: low\n' >release.yaml
{
	printf 'policy: 1\nversion: 1\ntrust_domain: bank.example\nek_roots: []\nrelease_keys:\n  - name: builder\n    pem: |\n'
	sed 's/^/      /' builder.pub
	printf 'approvers:\n  - person: alice\n    roles: [model-risk]\n    keys:\n      - |\n'
	sed 's/^/        /' alice.pub
	printf 'risk_classes:\n  - name: low\n    credential_lifetime: 10m\n    approvals: [ {role: model-risk, count: 1} ]\n'
} >policy.yaml
assay release create release.yaml --key builder --out 'a release.dsse' 2>errors
assay release approve 'a release.dsse' --person alice --role model-risk --env prod --reason r --key alice --policy policy.yaml \
	--out approval.dsse 2>errors
cat >valid.py <<'PY'
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
kind = jsonschema.validators.validator_for(schema)
kind.check_schema(schema)
sarif = json.load(open(sys.argv[2]))
faults = [f"{list(e.absolute_path)}: {e.message}" for e in kind(schema, format_checker=kind.FORMAT_CHECKER).iter_errors(sarif)]
if len(sarif["runs"][0]["results"]) != int(sys.argv[3]):
    faults.append("another number of results than wanted")
# The validator finds what it is there to find.
sarif["runs"][0]["tool"] = {}
assert list(kind(schema).iter_errors(sarif)), "the schema accepts a run without a tool"
sys.exit("\n".join(faults) or 0)
PY
valid() { # STATUS RESULTS NAME [OPTION…]
	local status=0
	assay gate 'a release.dsse' --env prod --policy policy.yaml --sarif out.sarif "${@:4}" >out 2>&1 || status=$?
	[ "$status" = "$1" ] || { echo "not ok - exit status $status: $3"; cat out; exit 1; }
	"$VENV/bin/python" valid.py "$SCHEMA" out.sarif "$2" || { echo "not ok - $3"; cat out.sarif; exit 1; }
	echo "ok - $3"
}
valid 1 1 "a closed gate's SARIF is valid"
valid 0 0 "an open gate's SARIF is valid" --approval approval.dsse
