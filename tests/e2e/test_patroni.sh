#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two verifiers on three PostgreSQL under Patroni, synchronous_mode_strict: the primary's machine dies, then a verifier, then
# both standbys, under load. What was acknowledged is there once, whatever had to be given up.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../support/patroni.sh"
world_open
chmod 711 "$W"
cluster_open || die "the cluster does not come up"
printf '# leader m%s, synchronous standby m%s\n' "$(leader)" "$(synchronous)"
ok "three PostgreSQL under Patroni, strictly synchronous"

tpm_make one
export CREDENTIAL_LIFETIME=2m RENEW_AFTER=2s
verifier_make
D=$W/verifier
sed -i "s|^database: .*|database: ${URI//&/\\&}|" "$D/verifierd.yaml"
PORT_A=$PORT PORT_B=$(port_free) BALANCED=$(port_free)
sed "s|^listen: .*|listen: 127.0.0.1:$PORT_B|" "$D/verifierd.yaml" >"$D/b.yaml"
sed "s|:$PORT_A\\b|:$BALANCED|" "$D/operator/config.yaml" >"$D/operator/balanced.yaml"
node_start() { # a|b
	local port=$PORT_A config=$D/verifierd.yaml
	[ "$1" = a ] || port=$PORT_B config=$D/b.yaml
	started "$W/verifier.log" assay-verifierd --config "$config"
	eval "NODE_$1=$!"
	until_ok curl -sf --cacert "$D/ca.pem" "https://127.0.0.1:$port/readyz" || die "node $1 does not start"
}
by_operator() { assay "$@" --config "$D/operator/balanced.yaml"; }
node_start a
node_start b
started "$W/balance.log" python3 "$ROOT/tests/support/balance.py" "$BALANCED" "$PORT_A" "$PORT_B"
until_ok curl -sf --cacert "$D/ca.pem" "https://127.0.0.1:$BALANCED/readyz" || die "the balancer does not start"
PORT=$BALANCED host_start one

# ---- an agent that ends at once and keeps what it was given, and one that stays and renews ----
mkdir -p "$W/agent" "$W/credentials"
cp /usr/bin/sleep "$W/agent/sleep"
release() { # WORKLOAD PROGRAM [ARGUMENT]
	cat >"$W/host-one/workloads/$1.yaml" <<-YAML
		workload: $1
		command: [$W/agent/$2${3:+, "$3"}]
		components:
		  - name: program
		    role: binary
		    path: $W/agent/$2
		credentials: [x509, jwt]
		audience: [test.example]
	YAML
	cat >"$W/$1.yaml" <<-YAML
		release: $1
		version: 1.0.0
		workload: $W/host-one/workloads/$1.yaml
		owner: tests
		author: bob
		purpose: load
		risk_class: low
	YAML
	assay release create "$W/$1.yaml" --key "$W/keys/builder" --out "$W/$1.dsse" 2>/dev/null
	by_operator workload add "$1" --class low --env prod --owner tests --purpose "load" >/dev/null
	by_operator release publish "$W/$1.dsse" >/dev/null
	by_operator release approve "$W/$1.dsse" --person alice --role model-risk --env prod --reason tests --key "$W/keys/alice" \
		--out "$W/$1.approval" 2>/dev/null
	by_operator release publish "$W/$1.approval" >/dev/null
	cp "$W/$1.dsse" "$W/host-one/workloads/$1.release"
}
by_operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token"
release quick sleep 0.05
release steady sleep 600
expect 0 'trusted' host_assay one run quick
for n in 1 2 3; do
	host_assay one run steady >"$W/steady-$n.out" 2>&1 &
	PIDS+=("$!")
done
until_ok grep -q ' renewed ' "$W/host-one/log" || die "the agent that stays does not renew"

echo "log $(cat "$D/log.pub")
quorum none" >"$W/logs"
follow() { expect 0 '' by_operator log monitor --policy "$W/logs" --state "$W/monitor" --credentials "$W/credentials"; }

# ---- load ----
mkdir "$W/load"
launches() { # NUMBER
	local out=$W/load/errors-$1
	while [ ! -e "$W/stop" ]; do
		if host_assay one run quick >/dev/null 2>"$out"; then
			sed -n 's/.*record \([0-9a-f]\{64\}\).*/\1/p' "$out" >>"$W/load/acknowledged-$1"
		else
			tail -n 1 "$out" >>"$W/load/unanswered-$1"
			sleep 0.2
		fi
	done
}
credentials_keep() { # whatever agents on this host hold
	local n=0 file
	while [ ! -e "$W/stop" ]; do
		for file in "$W"/host-one/run/instances/*/{svid.pem,jwt-0.token}; do
			n=$((n + 1))
			cp "$file" "$W/credentials/.new" 2>/dev/null && mv "$W/credentials/.new" "$W/credentials/$n.${file##*.}"
		done
		sleep 0.7
	done
}
LOADS=()
load_start() {
	local n
	for n in 1 2; do
		: >"$W/load/acknowledged-$n"
		: >"$W/load/unanswered-$n"
		launches "$n" &
		LOADS+=("$!")
	done
	credentials_keep &
	LOADS+=("$!")
	PIDS+=("${LOADS[@]}")
}
renewed() { sed -n 's/.* renewed .*record=\([0-9a-f]\{64\}\).*/\1/p' "$W/host-one/log"; }
acknowledged() { cat "$W"/load/acknowledged-*; renewed; }
count() { acknowledged | wc -l; }
more() { # waits for launches to be acknowledged after now, and says how long that took
	local before began=$EPOCHREALTIME i
	before=$(cat "$W"/load/acknowledged-* | wc -l)
	for i in $(seq 600); do
		if [ "$(cat "$W"/load/acknowledged-* | wc -l)" -ge $((before + 3)) ]; then
			printf '# %s: launches are acknowledged again after %.1f s\n' "$1" "$(python3 -c "print($EPOCHREALTIME - $began)")"
			return 0
		fi
		sleep 0.1
	done
	tail -n 3 "$W"/load/unanswered-*
	die "$1: no launch is acknowledged any more"
}
load_start
more "undisturbed"
follow

old=$(leader)
killed=$EPOCHREALTIME
member_kill "$old"
until_long leader || die "nobody follows the leader that died"
more "the primary's machine dead"
printf '# %.1f s after the power went\n' "$(python3 -c "print($EPOCHREALTIME - $killed)")"
new=$(leader)
[ "$new" != "$old" ] || die "the dead leads"
on_member "$new" "SELECT encode(id, 'hex') FROM records" | sort >"$W/stored"
acknowledged | sort >"$W/wanted" # nothing but what the new leader was asked for may be younger than the line above
sleep 0.5
on_member "$new" "SELECT encode(id, 'hex') FROM records" | sort >"$W/stored"
[ -z "$(comm -13 "$W/stored" "$W/wanted")" ] || die "acknowledged, and lost with the primary: $(comm -13 "$W/stored" "$W/wanted")"
follow
ok "the primary killed with its machine: a standby leads, and has every record that was acknowledged"

kill -9 "$NODE_b"
wait "$NODE_b" 2>/dev/null || true
more "one verifier dead"
node_start b
ok "a verifier killed: the other serves on"

member_start "$old"
until_long members_streaming 2 || die "the old primary does not rejoin"
more "the old primary back as a standby"
ok "the old primary came back and follows"

# ---- no standby: nothing is acknowledged ----
lead=$(leader)
for n in 1 2 3; do [ "$n" = "$lead" ] || member_kill "$n"; done
sleep 3 # what a standby had confirmed before is answered
before=$(count)
sleep 8
[ "$(count)" = "$before" ] || die "$(($(count) - before)) records were acknowledged without a standby"
[ "$(as_superuser "$lead" "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event='SyncRep'" postgres)" = t ] ||
	die "no commit waits for a standby"
[ "$(leader)" = "$lead" ] || die "the leader gave up"
ok "both standbys dead: nothing is acknowledged"
# PostgreSQL commits without the standby then, and says "COMMIT" with a warning.
as_superuser "$lead" "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event='SyncRep'" postgres >/dev/null
sleep 4
[ "$(count)" = "$before" ] || die "$(($(count) - before)) records were acknowledged that no standby has, after their wait was cancelled"
ok "the wait for a standby cancelled: still nothing is acknowledged"
for n in 1 2 3; do [ "$n" = "$lead" ] || { member_start "$n"; break; }; done
more "a standby back"
ok "one standby back: it goes on"
for n in 1 2 3; do [ "$n" = "$lead" ] || kill -0 "${MEMBER[$n]}" 2>/dev/null || member_start "$n"; done

# ---- the account ----
renewed_enough() { [ "$(renewed | wc -l)" -ge 12 ]; }
until_long renewed_enough || die "the agents that stay do not renew any more"
touch "$W/stop"
wait "${LOADS[@]}" || true
follow
acknowledged >"$W/all"
printf '# %s records acknowledged, %s of them renewals; %s launches without an answer\n' "$(wc -l <"$W/all")" "$(renewed | wc -l)" \
	"$(cat "$W"/load/unanswered-* | wc -l)"
[ "$(ls "$W/credentials" | wc -l)" -ge 10 ] || die "hardly any credential was looked at"
host_stop one
lead=$(leader)
on_member "$lead" "SELECT encode(id, 'hex') FROM records" | sort >"$W/stored"
sort -u "$W/all" >"$W/wanted"
[ "$(wc -l <"$W/wanted")" = "$(wc -l <"$W/all")" ] || die "one record was acknowledged twice"
[ "$(sort -u "$W/stored" | wc -l)" = "$(wc -l <"$W/stored")" ] || die "one record is stored twice"
[ -z "$(comm -13 "$W/stored" "$W/wanted")" ] || die "acknowledged and not stored: $(comm -13 "$W/stored" "$W/wanted")"
ok "every acknowledged record is stored once"
on_member "$lead" "SELECT idx, encode(hash, 'hex'), encode(bytes, 'hex') FROM leaves ORDER BY idx" >"$W/leaves"
on_member "$lead" "SELECT encode(edge, 'hex') FROM meta" >"$W/edge"
python3 "$ROOT/tests/support/ledger_whole.py" "$W/leaves" "$W/edge" >"$W/types" || die "the ledger is not whole"
of_type() { sed -n "s/^$1 //p" "$W/types"; }
trusted=$(on_member "$lead" "SELECT count(*) FROM records WHERE trusted=1")
issued=$(on_member "$lead" "SELECT count(*) FROM credentials WHERE instance<>decode(repeat('00', 16), 'hex')")
printf '# %s decisions of which %s trusted, %s leaves that say what was issued, %s credentials\n' "$(of_type 1)" "$trusted" "$(of_type 2)" "$issued"
[ "$(of_type 1)" = "$(wc -l <"$W/stored")" ] || die "not a decision's leaf for each record"
[ "$(of_type 2)" = "$trusted" ] || die "not a leaf that says what was issued for each trusted record"
[ "$issued" = $((2 * trusted)) ] || die "not two credentials for each trusted record"
ok "the ledger is whole, each record has its leaf, and each credential's issue is in it"
head -n 5 "$W/all" >"$W/sample"
tail -n 5 "$W/load/acknowledged-1" >>"$W/sample"
renewed | tail -n 2 >>"$W/sample"
while read -r record; do
	by_operator record get "$record" --out "$W/record.assay" 2>/dev/null || die "record $record cannot be had"
	expect 0 '' assay audit "$W/record.assay" --ca "$D/ca.pem"
done <"$W/sample"
ok "records of before and after pass an audit"
