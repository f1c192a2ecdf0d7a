#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bills of materials with CycloneDX's and SPDX's own libraries: we read what they write, and they take for valid what our tests read.
# It runs in the Python environment that $ASSAY_INTEROP_BOM names, which is made there if it is not: nothing is installed unasked.
set -euo pipefail
PACKAGES="cyclonedx-python-lib[json-validation]==11.12.0 spdx-python-model==0.0.6"
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export PATH=${ASSAY_BIN:-$ROOT/build/release/bin}:$PATH
W=$(mktemp -d /tmp/assay.XXXXXX)
trap 'rm -rf "$W"' EXIT
VENV=${ASSAY_INTEROP_BOM:-}
[ -n "$VENV" ] || { echo "skipped: $PACKAGES: ASSAY_INTEROP_BOM names no environment"; exit 77; }
if [ ! -x "$VENV/bin/python" ]; then
	# shellcheck disable=SC2086
	{ python3 -m venv "$VENV" && timeout 240 "$VENV/bin/pip" install -q $PACKAGES; } >"$W/errors" 2>&1 ||
		{ echo "skipped: $PACKAGES cannot be had here"; exit 77; }
fi
"$VENV/bin/python" -c 'import cyclonedx.validation.json, spdx_python_model' 2>"$W/errors" ||
	{ echo "skipped: $PACKAGES do not load"; exit 77; }

CHECKS=0
ok() {
	CHECKS=$((CHECKS + 1))
	printf 'ok %d - %s\n' "$CHECKS" "$1"
}
die() {
	printf 'not ok - %s\n' "$*"
	tail -n 5 "$W/out"
	exit 1
}
theirs() { "$VENV/bin/python" "$ROOT/tests/interop/bom_driver.py" "$@" >"$W/out" 2>&1; }

cd "$W"
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl pkey -in key.pem -pubout -out key.pub
head -c 1000 /dev/urandom >model.bin
DIGEST=$(sha256sum model.bin | cut -d' ' -f1)
# The BOM as the predicate of a statement about the model, signed by openssl.
wrap() { # BOM TYPE OUT
	python3 - "$@" "$DIGEST" <<-'EOF'
		import base64, json, subprocess, sys
		bom, kind, out, digest = sys.argv[1:]
		payload = json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": kind,
		    "subject": [{"digest": {"sha256": digest}}], "predicate": json.load(open(bom))}).encode()
		media = b"application/vnd.in-toto+json"
		pae = b"DSSEv1 %d %s %d %s" % (len(media), media, len(payload), payload)
		signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", "key.pem"], input=pae, stdout=subprocess.PIPE, check=True).stdout
		json.dump({"payloadType": media.decode(), "payload": base64.b64encode(payload).decode(),
		    "signatures": [{"sig": base64.b64encode(signature).decode()}]}, open(out, "w"))
	EOF
}
for format in cyclonedx-1.6 cyclonedx-1.7 spdx-3.0.1; do
	case $format in cyclonedx-*) type=https://cyclonedx.org/bom/v${format#*-} ;; *) type=https://spdx.dev/Document/v3 ;; esac
	theirs make $format "$DIGEST" $format.json || die "they do not write $format"
	theirs check $format $format.json || die "they refuse their own $format"
	wrap $format.json "$type" $format.dsse
	assay provenance verify $format.dsse --key key.pub --subject model.bin >"$W/out" 2>&1 || die "we refuse their $format"
	grep -q "model ocr 5, which the BOM is about, SHA-256 $DIGEST, under Apache-2.0 OR MIT" "$W/out" || die "what their $format says of the model"
	grep -q 'dataset tessdata 4.1' "$W/out" || die "what their $format says of the data set"
done
ok "bom__written_by_their_libraries__read"

CORPUS=$ROOT/tests/fuzz/corpus
theirs check cyclonedx-1.7 "$CORPUS/cyclonedx/agent.json" || die "they refuse our CycloneDX 1.7"
theirs check cyclonedx-1.6 "$CORPUS/cyclonedx/model.json" || die "they refuse our CycloneDX 1.6"
theirs check spdx-3.0.1 "$CORPUS/spdx3/model.json" || die "they refuse our SPDX 3.0.1"
sed 's/"SHA-256"/"SHA256"/' "$CORPUS/cyclonedx/model.json" >wrong.json
! theirs check cyclonedx-1.6 wrong.json || die "they take anything for CycloneDX"
sed 's/"sha256"/"SHA256"/' "$CORPUS/spdx3/model.json" >wrong.json
! theirs check spdx-3.0.1 wrong.json || die "they take anything for SPDX"
ok "bom__that_our_tests_read__valid_to_their_libraries"
# Their own examples, where $ASSAY_INTEROP_BOM_EXAMPLES holds checkouts of CycloneDX's `specification` and of `spdx-examples`.
EXAMPLES=${ASSAY_INTEROP_BOM_EXAMPLES:-}
said() { # FILE TYPE: what we say of it
	wrap "$1" "$2" example.dsse
	assay provenance verify example.dsse --key key.pub >"$W/out" 2>&1 || grep -q 'the BOM describes another' "$W/out" || die "$1"
}
examples() {
	local n=0 file
	for file in "$EXAMPLES"/specification/tools/src/test/resources/1.[67]/valid-*.json "$EXAMPLES"/spdx-examples/*/*/spdx3.0/*.json; do
		case $file in
		*/valid-citations-1.7.json | */simplehtr-example.json) continue ;; # an id given twice
		*/valid-*) said "$file" https://cyclonedx.org/bom ;;
		*) said "$file" https://spdx.dev/Document/v3 ;;
		esac
		! grep -q '^not_read' "$W/out" || die "$file"
		n=$((n + 1))
	done
	[ "$n" -gt 100 ] || die "only $n examples"
	for file in bomformat component-type missing-component-type hash-alg hash-sha256 license-missing-id-and-name serialnumber metadata-timestamp; do
		for version in 1.6 1.7; do
			said "$EXAMPLES/specification/tools/src/test/resources/$version/invalid-$file-$version.json" https://cyclonedx.org/bom
			grep -q '^not_read' "$W/out" || die "invalid-$file-$version.json was read"
		done
	done
}
if [ -n "$EXAMPLES" ]; then
	examples
	ok "bom__examples_of_their_authors__read_or_not"
fi
printf '%d passed, 0 failed\n' "$CHECKS"
