#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# S9__verifier_killed_at_random_points__nothing_acknowledged_is_lost: the verifier gets SIGKILL again and again while a host
# enrols and launches; afterwards every acknowledged decision is in the store, recorded, and audits, and no credential stands
# without its record. 12 kills; ASSAY_LONG=1: 200.
. "$(dirname "$0")/lib.sh"
world_open
kills=12
[ -z "${ASSAY_LONG:-}" ] || kills=200
tpm_make one
verifier_make
verifier_start
host_start one
mkdir -p "$W/agent"
cp /usr/bin/true "$W/agent/true"
cat >"$W/host-one/workloads/quick.yaml" <<-EOF
	workload: quick
	command: [$W/agent/true]
	components:
	  - name: program
	    role: binary
	    path: $W/agent/true
	credentials: [x509, jwt]
	audience: [test.example]
EOF
operator host invite --out "$W/token" 2>/dev/null
host_assay one enroll --token-file "$W/token" >/dev/null
operator workload add quick --class low --env prod --owner tests --purpose "ends at once" >/dev/null
release_beside "$W/host-one/workloads/quick.yaml" 1.0.0 operator
expect 0 'trusted' host_assay one run quick
ok "a launch before any kill"
# Kills come at random within twice the time of a launch, however slow this machine is now: some launches end, some do not.
began=$(date +%s%3N)
expect 0 'trusted' host_assay one run quick
span=$((2 * ($(date +%s%3N) - began)))
[ "$span" -ge 400 ] || span=400

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
enrolments() {
	while [ ! -e "$W/stop" ]; do
		host_assay one enroll >>"$W/enrolled" 2>>"$W/not-enrolled" || true
		sleep 0.05
	done
}
touch "$W/acknowledged" "$W/unanswered" "$W/enrolled" "$W/not-enrolled"
launches &
LAUNCHER=$!
enrolments &
ENROLLER=$!
PIDS+=("$LAUNCHER" "$ENROLLER")
before=0
for _ in $(seq "$kills"); do
	delay=$((RANDOM % span + 50))
	sleep "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))"
	kill -9 "$VERIFIER_PID"
	wait "$VERIFIER_PID" 2>/dev/null || true
	verifier_start
	# A machine that became slower meanwhile gets the time it needs, or nothing would be acknowledged at all.
	now=$(wc -l <"$W/acknowledged")
	[ "$now" -gt "$before" ] || [ "$span" -gt 10000 ] || span=$((span * 3 / 2))
	before=$now
done
touch "$W/stop"
wait "$LAUNCHER" "$ENROLLER" || true
expect 0 'trusted' host_assay one run quick
ok "after $kills kills the next launch is trusted"
[ "$(wc -l <"$W/acknowledged")" -gt 3 ] || die "hardly anything was acknowledged in between"
printf '# %s launches acknowledged, %s without an answer\n' "$(wc -l <"$W/acknowledged")" "$(wc -l <"$W/unanswered")"

verifier_stop
python3 - "$W/verifier/verifier.db" "$W/acknowledged" <<-'PYTHON' || die "the store does not hold what was acknowledged"
	import hashlib, sqlite3, sys

	db = sqlite3.connect(sys.argv[1])
	assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
	leaves = db.execute("SELECT idx, hash, bytes FROM leaves ORDER BY idx").fetchall()
	assert [row[0] for row in leaves] == list(range(len(leaves))), "indices have a gap"
	for index, value, data in leaves:
	    assert hashlib.sha256(b"\0" + data).digest() == value, f"leaf {index} has another hash"
	stack = []
	for index, (_, node, _) in enumerate(leaves):
	    while index & 1:
	        node = hashlib.sha256(b"\1" + stack.pop() + node).digest()
	        index >>= 1
	    stack.append(node)
	edge = db.execute("SELECT edge FROM meta").fetchone()[0]
	assert all(node in edge for node in stack), "the stored edge is not that of the leaves"
	types = [data[2] for _, _, data in leaves]  # {0: type, …}: map head, key, type
	records = {row[0].hex(): row for row in db.execute("SELECT id, idx, trusted FROM records")}
	for acknowledged in open(sys.argv[2]).read().split():
	    assert acknowledged in records and records[acknowledged][2] == 1, f"{acknowledged} is lost"
	trusted = [row for row in records.values() if row[2] == 1]
	assert types.count(2) == len(trusted), "an issued leaf for each trusted decision"
	for _, index, _ in trusted:
	    assert types[index] == 1 and types[index + 1] == 2, "the issued leaf follows its decision"
	# X.509 and JWT for each trusted launch, and a certificate for each enrolment of the host.
	spki = db.execute("SELECT COUNT(*) FROM credentials c WHERE NOT EXISTS (SELECT 1 FROM instances i WHERE i.host = c.host "
	                  "AND i.instance = c.instance) AND c.instance != zeroblob(16)").fetchone()[0]
	assert spki == 0, "a credential without its instance"
	assert db.execute("SELECT COUNT(*) FROM credentials WHERE instance != zeroblob(16)").fetchone()[0] == 2 * len(trusted)
	print(f"# {len(leaves)} leaves, {len(records)} records, {len(trusted)} trusted")
PYTHON
ok "leaves are gapless, the tree is theirs, every acknowledged decision is recorded with its credentials"

verifier_start
for record in $(tail -n 8 "$W/acknowledged"); do
	operator record get "$record" --out "$W/record.assay" 2>/dev/null
	expect 0 'consistent' assay audit "$W/record.assay" --ca "$W/verifier/ca.pem"
done
ok "the newest of them audit offline"
printf '%d passed, 0 failed\n' "$CHECKS"
