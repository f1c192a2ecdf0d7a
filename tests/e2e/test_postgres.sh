#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two verifiers on one PostgreSQL: what one is told the other obeys, and what was acknowledged outlives the sudden end of
# either of them and of the database itself.
. "$(dirname "$0")/lib.sh"
world_open
chmod 711 "$W"
postgres() { "$ROOT/tests/support/postgres" "$@"; }
postgres_started() { PIDS+=("$(head -n 1 "$W/pg/data/postmaster.pid")"); }
URI=$(postgres start "$W/pg") || { rc=$?; [ "$rc" != 77 ] || echo "skipped: no PostgreSQL server"; exit "$rc"; }
postgres_started
sql() { psql "$URI" -qAtX -v ON_ERROR_STOP=1 -c "$1"; }

tpm_make one
verifier_make
D=$W/verifier
sed -i "s|^database: .*|database: $URI|" "$D/verifierd.yaml"
PORT_A=$PORT PORT_B=$(port_free) BALANCED=$(port_free)
sed "s|^listen: .*|listen: 127.0.0.1:$PORT_B|" "$D/verifierd.yaml" >"$D/b.yaml"
sed "s|:$PORT_A\\b|:$PORT_B|" "$D/operator/config.yaml" >"$D/operator/b.yaml"
node_start() { # a|b
	local port=$PORT_A config=$D/verifierd.yaml
	[ "$1" = a ] || port=$PORT_B config=$D/b.yaml
	started "$W/verifier.log" assay-verifierd --config "$config"
	eval "NODE_$1=$!"
	until_ok curl -sf --cacert "$D/ca.pem" "https://127.0.0.1:$port/readyz" || die "node $1 does not start"
}
node_kill() { # a|b
	local pid
	eval "pid=\$NODE_$1"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
}
on_a() { assay "$@" --config "$D/operator/config.yaml"; }
on_b() { assay "$@" --config "$D/operator/b.yaml"; }

# ---- the database ----
sed "s|^database: .*|database: postgresql://u:hunter2@localhost/assay|" "$D/verifierd.yaml" >"$D/bad.yaml"
expect 3 'database: a password does not belong here: passfile=FILE' assay-verifierd --config "$D/bad.yaml" --check
! grep -q hunter2 "$W/out" "$W/errors" || die "a password was printed"
sed "s|^database: .*|database: postgresql://db.example/assay?sslmode=require|" "$D/verifierd.yaml" >"$D/bad.yaml"
expect 3 'sslmode=require: over a network only verify-full' assay-verifierd --config "$D/bad.yaml" --check
ok "a password in the configuration and an unverified server: refused"
as_superuser() { sql "ALTER SYSTEM $1" && sql 'SELECT pg_reload_conf()' >/dev/null && sleep 1; }
as_superuser 'SET fsync=off'
expect 3 'the server has fsync=off: what was acknowledged would be lost with the power' assay-verifierd --config "$D/verifierd.yaml"
as_superuser 'RESET fsync'
as_superuser 'SET full_page_writes=off'
expect 3 'the server has full_page_writes=off: a page half written would be lost with the power' assay-verifierd --config "$D/verifierd.yaml"
as_superuser 'RESET full_page_writes'
ok "a server that does not write to its disk, or not whole pages: refused"

node_start a
node_start b
ok "two verifiers serve one database"

# ---- what one is told the other obeys ----
host_start one # by A
mkdir -p "$W/agent"
cp /usr/bin/true "$W/agent/true"
release() { # WORKLOAD VERSION, approved; through A
	cat >"$W/host-one/workloads/$1.yaml" <<-YAML
		workload: $1
		command: [$W/agent/true]
		components:
		  - name: program
		    role: binary
		    path: $W/agent/true
		credentials: [x509, jwt]
		audience: [test.example]
	YAML
	cat >"$W/$1.yaml" <<-YAML
		release: $1
		version: $2
		workload: $W/host-one/workloads/$1.yaml
		owner: tests
		author: bob
		purpose: ends at once
		risk_class: low
	YAML
	assay release create "$W/$1.yaml" --key "$W/keys/builder" --out "$W/$1.dsse" 2>/dev/null
	on_a workload add "$1" --class low --env prod --owner tests --purpose "ends at once" >/dev/null
	on_a release publish "$W/$1.dsse" >/dev/null
	on_a release approve "$W/$1.dsse" --person alice --role model-risk --env prod --reason tests --key "$W/keys/alice" \
		--out "$W/$1.approval" 2>/dev/null
	on_b release publish "$W/$1.approval" >/dev/null
	cp "$W/$1.dsse" "$W/host-one/workloads/$1.release"
}
on_a host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token"
release first 1.0.0
release quick 1.0.0
expect 0 'trusted' host_assay one run first
ok "enrolled and launched on A"
host_stop one
PORT=$PORT_B host_start one
expect 0 'trusted' host_assay one run first
ok "the same host launches on B"

policy_write "$D/policy.yaml" 2
kill -HUP "$NODE_a"
until_ok grep -q 'policy-reloaded' "$W/verifier.log"
expect 0 'version: 2' curl -sf --cacert "$D/ca.pem" --cert "$D/operator/cert.pem" --key "$D/operator/key.pem" \
	"https://127.0.0.1:$PORT_B/v1/policy"
expect 0 'trusted' host_assay one run first
ok "a policy put in force on A is B's, and B decides by it"

digest=$(cat "$W/first.dsse" | python3 -c 'import base64,hashlib,json,sys; print(hashlib.sha256(base64.b64decode(json.load(sys.stdin)["payload"])).hexdigest())')
on_a release revoke "$digest" --reason 'test' >"$W/out" 2>&1 || die "revoke: $(cat "$W/out")"
expect 1 'release-revoked' host_assay one run first
ok "a release revoked on A is refused by B"

# ---- sudden ends, under load, behind a balancer that knows nothing but TCP ----
started "$W/balance.log" python3 "$ROOT/tests/support/balance.py" "$BALANCED" "$PORT_A" "$PORT_B"
until_ok curl -sf --cacert "$D/ca.pem" "https://127.0.0.1:$BALANCED/readyz" || die "the balancer does not start"
host_stop one
PORT=$BALANCED host_start one
expect 0 'trusted' host_assay one run quick
touch "$W/acknowledged" "$W/unanswered"
launches() {
	while [ ! -e "$W/stop" ]; do
		: >"$W/errors-run"
		if host_assay one run quick >/dev/null 2>"$W/errors-run"; then
			sed -n 's/.*record \([0-9a-f]\{64\}\).*/\1/p' "$W/errors-run" >>"$W/acknowledged"
		else
			tail -n 1 "$W/errors-run" >>"$W/unanswered"
		fi
	done
}
launches &
LAUNCHER=$!
PIDS+=("$LAUNCHER")
acknowledged() { wc -l <"$W/acknowledged"; }
more() { # waits for launches to be acknowledged after now
	local before i
	before=$(acknowledged)
	for i in $(seq 600); do
		[ "$(acknowledged)" -lt $((before + 2)) ] || return 0
		sleep 0.1
	done
	die "no launch is acknowledged any more: $(tail -n 3 "$W/unanswered")"
}
more
for node in a b; do
	node_kill "$node"
	more
	node_start "$node"
	more
done
ok "either verifier killed: the other serves on"
for _ in 1 2 3; do
	postgres immediate "$W/pg"
	postgres_started
	more
done
ok "PostgreSQL crashed and restarted three times: both come back by themselves"
touch "$W/stop"
wait "$LAUNCHER" || true
printf '# %s launches acknowledged, %s without an answer\n' "$(acknowledged)" "$(wc -l <"$W/unanswered")"

sql "SELECT encode(id, 'hex') FROM records" | sort >"$W/stored"
sort -u "$W/acknowledged" >"$W/wanted"
[ "$(wc -l <"$W/wanted")" = "$(acknowledged)" ] || die "one record was acknowledged twice"
[ -z "$(comm -13 "$W/stored" "$W/wanted")" ] || die "acknowledged and not stored: $(comm -13 "$W/stored" "$W/wanted")"
sql "SELECT idx, encode(hash, 'hex'), encode(bytes, 'hex') FROM leaves ORDER BY idx" >"$W/leaves"
sql "SELECT encode(edge, 'hex') FROM meta" >"$W/edge"
python3 - "$W/leaves" "$W/edge" <<-'PYTHON' || die "the ledger is not whole"
	import hashlib, sys
	stack = []
	for n, line in enumerate(open(sys.argv[1])):
	    index, value, data = line.strip().split("|")
	    assert int(index) == n, "indices have a gap"
	    node = hashlib.sha256(b"\0" + bytes.fromhex(data)).digest()
	    assert node.hex() == value, f"leaf {n} has another hash"
	    while n & 1:
	        node = hashlib.sha256(b"\1" + stack.pop() + node).digest()
	        n >>= 1
	    stack.append(node)
	edge = open(sys.argv[2]).read()
	assert all(node.hex() in edge for node in stack), "the stored edge is not that of the leaves"
PYTHON
stray=$(sql "SELECT count(*) FROM credentials c WHERE c.instance<>decode(repeat('00', 16), 'hex') AND NOT EXISTS(SELECT 1 FROM records r WHERE r.host=c.host AND r.instance=c.instance AND r.trusted=1)")
trusted=$(sql "SELECT count(*) FROM records WHERE trusted=1")
[ "$(sql "SELECT count(*) FROM credentials WHERE instance<>decode(repeat('00', 16), 'hex')")" = $((2 * trusted)) ] ||
	die "not two credentials for each of $trusted trusted records"
[ "$stray" = 0 ] || die "$stray credentials stand without a record"
on_a record get "$(tail -n 1 "$W/acknowledged")" --out "$W/record.assay" 2>/dev/null
expect 0 '' assay audit "$W/record.assay" --ca "$D/ca.pem"
ok "every acknowledged record is stored once, in a whole ledger, and no credential stands without one"

# ---- a reload while the database is away ----
logs() { grep -c "$1" "$W/verifier.log" || true; } # EVENT: how often
policy_write "$D/policy.yaml" 3
reloaded=$(logs policy-reloaded) tls=$(logs tls-reloaded)
postgres kill "$W/pg"
kill -HUP "$NODE_a"
until_ok grep -q 'reload-waits for=policy-reloaded' "$W/verifier.log" || die "the policy does not wait"
[ "$(logs tls-reloaded)" -gt "$tls" ] || die "the certificate waited for the database"
postgres start "$W/pg" >/dev/null
postgres_started
until_ok eval '[ "$(logs policy-reloaded)" -gt "$reloaded" ]' || die "the policy is forgotten"
[ "$(logs policy-refused)" = 0 ] || die "the policy was refused"
ok "reloaded while the database is away: the certificate at once, the policy once it is back"
waits=$(logs reload-waits)
postgres kill "$W/pg"
kill -HUP "$NODE_a"
until_ok eval '[ "$(logs reload-waits)" -gt "$waits" ]' || die "the policy does not wait"
kill "$NODE_a"
until_ok eval '! kill -0 "$NODE_a" 2>/dev/null' || die "a reload that waits holds up the end"
wait "$NODE_a" || die "it ended with $?"
ok "told to end while a reload waits: it ends"
