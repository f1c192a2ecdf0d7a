#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ledger as a log of C2SP with golang.org/x/mod (note, tlog), Tessera's client and transparency-dev's notes: they verify our
# checkpoint, witness's cosignature, tiles, leaves and proofs, from our service and from its files; we follow logs that x/mod and
# Tessera's storage made, and verify proofs of each.
. "$(dirname "$0")/lib.sh"
command -v go >/dev/null || skip "tlog: go is not installed"
command -v swtpm >/dev/null || skip "tlog: swtpm is not installed"
fill_tlog() { cp "$HERE/go/tlog/main.go" "$1" && fill_go "$1" "$HERE/go/tlog" .; }
tool tlog <(cat "$HERE/go/tlog/go.sum" "$HERE/go/tlog/main.go")
theirs() { LOG_CA=$CA "$TOOL/bin" "$@"; }
rm -rf "$W"
. "$(dirname "$0")/../e2e/lib.sh"

# Serves a directory over TLS until the test ends.
serve() { # DIRECTORY
	SPORT=$(port_free)
	cat >"$W/serve.py" <<-'SERVER'
		import functools, http.server, ssl, sys
		directory, port, cert, key = sys.argv[1:]
		handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
		server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(cert, key)
		server.socket = context.wrap_socket(server.socket, server_side=True)
		server.serve_forever()
	SERVER
	started "$W/serve.log" python3 "$W/serve.py" "$1" "$SPORT" "$W/s.pem" "$W/s.key"
	until_ok curl -sf --cacert "$W/s.pem" "https://127.0.0.1:$SPORT/checkpoint" -o /dev/null
}

world_open
tpm_make one
verifier_make
CA=$W/verifier/ca.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=w -addext subjectAltName=IP:127.0.0.1 \
	-keyout "$W/s.key" -out "$W/s.pem" 2>/dev/null
openssl genpkey -algorithm ed25519 -out "$W/witness.pem" 2>/dev/null
WITNESS=$(assay log key w.example --key "$W/witness.pem" --witness)
LOG=$(cat "$W/verifier/log.pub")
WPORT=$(port_free)
printf 'log %s\nquorum none\n' "$LOG" >"$W/logs"
printf 'log %s\nwitness W %s https://127.0.0.1:%s\nquorum W\n' "$LOG" "$WITNESS" "$WPORT" >"$W/verifier/witnesses"
printf 'log_policy: witnesses\n' >>"$W/verifier/verifierd.yaml"
started "$W/witness.log" assay log witness --policy "$W/logs" --name w.example --key "$W/witness.pem" --state "$W/witness" \
	--listen "127.0.0.1:$WPORT" --tls-cert "$W/s.pem" --tls-key "$W/s.key"
verifier_start
until_ok grep -q witnessing "$W/witness.log"
feed() { operator log feed --policy "$W/verifier/witnesses" --witness-ca "$W/s.pem" "$@"; }
for i in $(seq 258); do operator workload add "w$i" --class low --env prod --owner x --purpose y >/dev/null; done
expect 0 'cosigned by 1 of 1' feed
URL=https://127.0.0.1:$PORT/log/

expect 0 '^verified 2[0-9]+$' theirs verify "$URL" "$LOG" "$WITNESS"
SIZE=$(sed 's/verified //' "$W/out")
until_ok grep -qx "$SIZE" "$W/verifier/log/checkpoint"
expect 0 "^verified $SIZE\$" theirs verify "$W/verifier/log" "$LOG" "$WITNESS"
expect 1 'no verifiable signatures|unverified' theirs verify "$W/verifier/log" "$(assay log key bank.example/log --key "$W/witness.pem")"
cp -r "$W/verifier/log" "$W/spoilt"
printf '\001' | dd of="$W/spoilt/tile/0/000" bs=1 seek=40 conv=notrunc 2>/dev/null
expect 1 'refused' theirs verify "$W/spoilt" "$LOG"
ok "our_log__x_mod_and_tesseras_client__verify_every_leaf"

# Hashes and proofs by the other side, of one leaf and of one older tree, and ours of the same.
both() { # WHERE VKEY INDEX OLD [ARGUMENT OF log proof…]
	local where=$1 vkey=$2 index=$3 old=$4
	theirs prove "$where" "$vkey" "$index" "$old" >"$W/proofs" || die "they prove nothing"
	eval "$(tr ' ' '\n' <"$W/proofs" | sed 's/^/P_/')"
	expect 0 proved assay log inclusion --index "$index" --size "$P_size" --leaf-hash "$P_leaf" --root "$P_root" --proof "$P_inclusion"
	expect 0 proved assay log consistency --old "$old" --new "$P_size" --old-root "$P_old_root" --new-root "$P_root" --proof "$P_consistency"
	expect 0 '' operator log proof "$index" --out "$W/one.tlog-proof" "${@:5}"
	expect 0 "^verified $index $P_size\$" theirs check "$W/one.tlog-proof" "$vkey" "$P_leaf"
	expect 1 'invalid' theirs check "$W/one.tlog-proof" "$vkey" "${P_leaf:32}${P_leaf:0:32}"
}
for case in "0 1" "3 256" "255 128" "256 257" "$((SIZE - 1)) $((SIZE - 1))"; do
	# shellcheck disable=SC2086
	both "$URL" "$LOG" $case
done
expect 0 proved assay log verify-proof "$W/one.tlog-proof" --log-policy "$W/verifier/witnesses" --leaf "$P_leaf"
ok "proofs__theirs_from_our_tiles_and_ours__each_verifies_the_others"

for maker in make tessera; do
	mkdir "$W/$maker"
	theirs $maker "$W/$maker" theirs.example/log 600 >"$W/$maker.vkey" 2>"$W/out" || die "$maker makes no log"
	VKEY=$(cat "$W/$maker.vkey")
	printf 'log %s\nquorum none\n' "$VKEY" >"$W/$maker.policy"
	expect 0 '^verified 600$' theirs verify "$W/$maker" "$VKEY"
	serve "$W/$maker"
	expect 0 'consistent.*600 leaves' operator log monitor --policy "$W/$maker.policy" --state "$W/$maker.state" --url "https://127.0.0.1:$SPORT" --log-ca "$W/s.pem"
	grep -q 'decision  *600' "$W/out" || die "not every leaf was read"
	for case in "0 1" "511 256" "512 300" "599 599"; do
		# shellcheck disable=SC2086
		both "$W/$maker" "$VKEY" $case --url "https://127.0.0.1:$SPORT" --log-ca "$W/s.pem"
		expect 0 proved assay log verify-proof "$W/one.tlog-proof" --log-policy "$W/$maker.policy" --leaf "$P_leaf"
	done
	printf '\001' | dd of="$(find "$W/$maker/tile/entries" -type f | sort | head -1)" bs=1 seek=60 conv=notrunc 2>/dev/null
	rm -r "$W/$maker.state"
	expect 1 'do not make its tree' operator log monitor --policy "$W/$maker.policy" --state "$W/$maker.state" --url "https://127.0.0.1:$SPORT" --log-ca "$W/s.pem"
done
ok "their_logs__by_x_mod_and_by_tessera__followed_and_verified"
printf '%d passed, 0 failed\n' "$CHECKS"
