#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two verifiers on one PostgreSQL, and what each does beside deciding: OCSP and lists, webhooks, the quote of the ledger.
. "$(dirname "$0")/lib.sh"
world_open
chmod 711 "$W"
URI=$("$ROOT/tests/support/postgres" start "$W/pg") || { rc=$?; [ "$rc" != 77 ] || echo "skipped: no PostgreSQL server"; exit "$rc"; }
PIDS+=("$(head -n 1 "$W/pg/data/postmaster.pid")")
sql() { psql "$URI" -qAtX -v ON_ERROR_STOP=1 -c "$1"; }
tpm_make one
verifier_make
D=$W/verifier

# ---- a receiver, and two nodes that are told of it ----
R=$W/receiver RECEIVER=$(port_free)
mkdir "$R"
echo ok >"$R/mode"
: >"$R/received"
receiver_start "$R" "$RECEIVER"
sed -i "s|^database: .*|database: $URI|" "$D/verifierd.yaml"
cat >>"$D/verifierd.yaml" <<-YAML
	webhooks:
	  - name: siem
	    url: https://127.0.0.1:$RECEIVER/siem
	    secret_file: hook.secret
	    key: file:hook.key
	    ca: ca.pem
YAML
PORT_a=$PORT PORT_b=$(port_free)
sed "s|^listen: .*|listen: 127.0.0.1:$PORT_b|" "$D/verifierd.yaml" >"$D/b.yaml"
sed "s|:$PORT_a\\b|:$PORT_b|" "$D/operator/config.yaml" >"$D/operator/b.yaml"
web() { curl -sf --cacert "$D/ca.pem" "$@"; }
started "$W/verifier.log" assay-verifierd --config "$D/verifierd.yaml"
NODE_a=$!
started "$W/verifier-b.log" assay-verifierd --config "$D/b.yaml"
NODE_b=$!
for port in "$PORT_a" "$PORT_b"; do
	until_ok web "https://127.0.0.1:$port/readyz" || die "a node does not start"
done
on_a() { assay "$@" --config "$D/operator/config.yaml"; }
on_b() { assay "$@" --config "$D/operator/b.yaml"; }

# ---- OCSP ----
host_start one # by A
sleeper_make one 0.5 on_a "credentials: [x509]"
on_a host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token"
mkdir "$W/kept"
expect 0 'trusted' host_assay one run quick --credentials "$W/kept"
# The answer to one without a nonce is kept.
expect 0 '' openssl ocsp -no_nonce -issuer "$D/ca.pem" -cert "$W/kept/svid.pem" -reqout "$W/request"
ocsp_at() { # a|b
	local port=PORT_$1
	web -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request" "https://127.0.0.1:${!port}/ocsp" -o "$W/response"
	openssl ocsp -no_nonce -respin "$W/response" -reqin "$W/request" -issuer "$D/ca.pem" -cert "$W/kept/svid.pem" -CAfile "$D/ca.pem"
}
listed_at() { # a|b: the serial stands on the list
	local port=PORT_$1 serial
	serial=$(openssl x509 -in "$W/kept/svid.pem" -noout -serial | cut -d= -f2)
	web "https://127.0.0.1:${!port}/crl" -o "$W/list.crl"
	openssl crl -inform DER -in "$W/list.crl" -noout -text | grep -q "Serial Number: $serial"
}
HOST=$(on_a host list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["hosts"][0]["id"])')
for node in a b; do
	expect 0 'svid.pem: good' ocsp_at "$node"
	! listed_at "$node" || die "on the list before it was revoked"
done
on_a host quarantine "$HOST" --reason "stolen" >/dev/null
expect 0 'svid.pem: revoked' ocsp_at b
listed_at b || die "not on the list of the other node"
expect 0 'svid.pem: revoked' ocsp_at a
on_b host confirm "$HOST" --reason "found again" >/dev/null
ok "certificate__revoked_on_one_node__revoked_at_once_for_who_asks_the_other"

# ---- webhooks ----
told() { # NAME of a workload: how often the receiver was told of it
	python3 - "$R/received" "$1" <<-'PY'
		import json, sys
		lines = [json.loads(line) for line in open(sys.argv[1])]
		print(sum(1 for line in lines if line["body"]["event"] == "workload" and line["name"] == sys.argv[2]))
	PY
}
was_told() { [ "$(told "$1")" -ge 1 ]; }
acked() { [ "$(sql "SELECT max(entry) FROM webhook_acks")" = "$(sql "SELECT max(acked) FROM webhooks")" ] && was_told "$1"; }
add() { "on_$1" workload add "$2" --class low --env prod --owner tests --purpose tests >/dev/null; }
for n in 1 2 3 4; do
	add a "a$n"
	add b "b$n"
done
until_ok was_told b4 || die "nobody tells the receiver"
# Whose turn it is: named by the machine, the database and where the node listens.
owner_is() { # a|b
	local port=PORT_$1
	[ "$(sql "SELECT encode(owner, 'hex') FROM webhooks")" = \
		"$(printf '%s\n%s\n127.0.0.1\n%s\n' "$(hostname)" "$URI" "${!port}" | sha256sum | cut -c1-32)" ]
}
if owner_is a; then owner=a other=b; else owner=b other=a; fi
owner_is "$owner" || die "neither node has the turn"
until_ok acked b4
node=NODE_$owner
kill -9 "${!node}"
wait "${!node}" 2>/dev/null || true
add "$other" after
until_ok was_told after || until_ok was_told after || die "the other node does not take over"
owner_is "$other" || die "it was told by a node without the turn"
python3 - "$R/received" <<'PY' || die "an event was told twice, is missing, or came out of order"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert all(line["signed"] for line in lines)
ids = [line["id"] for line in lines]
assert len(ids) == len(set(ids)), ids
entries = [line["body"]["id"] for line in lines]
assert entries == sorted(entries), entries
names = [line["name"] for line in lines if line["body"]["event"] == "workload"]
assert names == ["quick", "a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4", "after"], names
PY
ok "webhook__of_two_nodes__told_once_and_by_the_other_when_one_is_killed"

# ---- the quote of the ledger ----
config=$D/verifierd.yaml
[ "$owner" = a ] || config=$D/b.yaml
started "$W/verifier.log" assay-verifierd --config "$config"
port=PORT_$owner
until_ok web "https://127.0.0.1:${!port}/readyz" || die "the killed node does not come back"
[ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$D/ca.pem" "https://127.0.0.1:$PORT_b/log/quote")" = 404 ] || die "a quote before one was made"
expect 0 'brought to the verifier' env ASSAY_HOSTD_SOCKET="$W/host-one/run/hostd.sock" assay log attest --out "$W/quote" --ak-out "$W/ak" \
	--upload --config "$D/operator/config.yaml"
for port in "$PORT_a" "$PORT_b"; do
	web "https://127.0.0.1:$port/log/quote" | cmp - "$W/quote" || die "one of the nodes does not serve the quote"
done
on_b record get "$(sql "SELECT encode(id, 'hex') FROM records LIMIT 1")" --out "$W/record.assay" 2>/dev/null
printf 'log %s\nquorum none\n' "$(cat "$D/log.pub")" >"$W/witnesses"
expect 0 'log host.*the TPM whose key you pinned quoted' assay audit "$W/record.assay" --ca "$D/ca.pem" --log-policy "$W/witnesses" \
	--log-host-ak "$W/ak"
ok "quote__brought_to_one_node__served_by_both_and_in_what_the_other_exports"
