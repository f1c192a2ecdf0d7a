# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Three PostgreSQL under Patroni with etcd, on loopback, below $W/cluster, as nobody when the caller is root. Sourced
# after lib.sh; exits with 77 where Debian's patroni, etcd-server or postgresql-15 is missing.
#
#   cluster_open             etcd and members 1 to 3, a leader and two standbys, the empty database "assay"; sets $URI
#   leader                   the leader's number;  synchronous: the number of the standby that commits wait for
#   member_kill N            power off: Patroni and every process of its PostgreSQL, by SIGKILL
#   member_start N           power on
#   on_member N SQL          asks that member
#   members_streaming N      whether N standbys follow the leader
PROGRAMS=
for d in /usr/lib/postgresql/*/bin; do [ ! -x "$d/postgres" ] || PROGRAMS=$d; done
for program in patroni etcd; do
	command -v "$program" >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
[ -n "$PROGRAMS" ] || { echo "skipped: no PostgreSQL server"; exit 77; }

as_nobody=()
[ "$(id -u)" != 0 ] || as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --pdeathsig=KILL)

member_write() { # N
	cat >"$C/$1.yaml" <<-YAML
		scope: assay
		name: m$1
		restapi: {listen: "127.0.0.1:${REST[$1]}", connect_address: "127.0.0.1:${REST[$1]}"}
		etcd3: {host: "127.0.0.1:$ETCD_PORT"}
		bootstrap:
		  dcs:
		    ttl: 10
		    loop_wait: 1
		    retry_timeout: 4
		    maximum_lag_on_failover: 1048576
		    synchronous_mode: true
		    synchronous_mode_strict: true
		    synchronous_node_count: 1
		    postgresql:
		      use_pg_rewind: true
		      use_slots: true
		      parameters: {wal_log_hints: "on", max_connections: 100, wal_keep_size: 128MB, shared_buffers: 32MB}
		  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
		postgresql:
		  listen: 127.0.0.1:${PG[$1]}
		  connect_address: 127.0.0.1:${PG[$1]}
		  data_dir: $C/data$1
		  bin_dir: $PROGRAMS
		  pgpass: $C/pgpass$1
		  remove_data_directory_on_diverged_timelines: true
		  remove_data_directory_on_rewind_failure: true
		  authentication:
		    superuser: {username: postgres, password: postgres}
		    replication: {username: replicator, password: replicator}
		    rewind: {username: rewinder, password: rewinder}
		  parameters: {unix_socket_directories: "$C"}
		  pg_hba:
		    - local all all trust
		    - host replication replicator 127.0.0.1/32 scram-sha-256
		    - host assay assay 127.0.0.1/32 trust
		    - host all all 127.0.0.1/32 scram-sha-256
	YAML
}

member_start() { # N
	"${as_nobody[@]}" env HOME="$C" patroni "$C/$1.yaml" >>"$C/$1.log" 2>&1 &
	MEMBER[$1]=$!
	PIDS+=("$!")
}

# Every process below a PID, itself included: all that dies with a machine.
processes_of() { # PID
	local child
	echo "$1"
	for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do processes_of "$child"; done
}

postmaster_of() { head -n 1 "$C/data$1/postmaster.pid" 2>/dev/null; } # N

member_kill() { # N
	local all postmaster
	postmaster=$(postmaster_of "$1") || true
	# The postmaster first: whoever is left over by it ends by itself, or here.
	all="$(processes_of "${MEMBER[$1]}") $([ -z "$postmaster" ] || processes_of "$postmaster")"
	# shellcheck disable=SC2086 # a list of numbers
	kill -9 $all 2>/dev/null || true
	wait "${MEMBER[$1]}" 2>/dev/null || true
	rm -f "$C/data$1/postmaster.pid" # which a machine that lost its power has no process of
}

on_member() { # N SQL
	psql -h 127.0.0.1 -p "${PG[$1]}" -U assay -d assay -qAtX -v ON_ERROR_STOP=1 -c "$2"
}
as_superuser() { # N SQL
	psql -h "$C" -p "${PG[$1]}" -U postgres -d "${3:-assay}" -qAtX -v ON_ERROR_STOP=1 -c "$2"
}

leader() {
	local n
	for n in 1 2 3; do
		[ "$(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:${REST[$n]}/primary")" != 200 ] || { echo "$n"; return; }
	done
	return 1
}
synchronous() {
	local n
	for n in 1 2 3; do
		[ "$(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:${REST[$n]}/synchronous")" != 200 ] || { echo "$n"; return; }
	done
	return 1
}
members_streaming() { # N
	[ "$(as_superuser "$(leader)" "SELECT count(*) FROM pg_stat_replication WHERE state='streaming'" postgres)" -ge "$1" ]
}

# Waits for a command as until_ok does, but as long as a failover may take.
until_long() { # COMMAND…
	local i
	for i in $(seq 300); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.2
	done
	echo "gave up waiting for: $*" >&2
	tail -n 5 "$C"/*.log >&2
	return 1
}

# What happens at exit, before the world is closed: there is nothing here to end with care.
cluster_close() {
	local status=$? n
	for n in "${!MEMBER[@]}"; do member_kill "$n"; done
	(exit "$status")
	world_close
}

cluster_open() {
	local n peer
	trap cluster_close EXIT
	declare -gA MEMBER REST PG
	C=$W/cluster
	mkdir -p "$C"
	[ "$(id -u)" != 0 ] || chown nobody:nogroup "$C"
	chmod 755 "$C"
	ETCD_PORT=$(port_free) peer=$(port_free)
	started "$W/etcd.log" "${as_nobody[@]}" etcd --name e --data-dir "$C/etcd" --listen-client-urls "http://127.0.0.1:$ETCD_PORT" \
		--advertise-client-urls "http://127.0.0.1:$ETCD_PORT" --listen-peer-urls "http://127.0.0.1:$peer" \
		--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "e=http://127.0.0.1:$peer"
	until_ok curl -sf "http://127.0.0.1:$ETCD_PORT/health" || { tail "$W/etcd.log" >&2; return 1; }
	for n in 1 2 3; do
		REST[$n]=$(port_free) PG[$n]=$(port_free)
		member_write "$n"
		: >"$C/$n.log"
		member_start "$n"
	done
	until_long members_streaming 2 && until_long synchronous || return 1
	as_superuser "$(leader)" "CREATE ROLE assay LOGIN" postgres
	as_superuser "$(leader)" "CREATE DATABASE assay OWNER assay" postgres
	URI="postgresql://assay@127.0.0.1:${PG[1]},127.0.0.1:${PG[2]},127.0.0.1:${PG[3]}/assay?target_session_attrs=read-write&connect_timeout=2"
}
