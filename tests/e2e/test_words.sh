#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What somebody reads who makes a common mistake: the help, and errors that say what to do.
. "$(dirname "$0")/lib.sh"
world_open
export HOME=$W/home
mkdir "$HOME"

# Each row: exit status, stream, pattern, words.
words() {
	local status=$1 stream=$2 pattern=$3
	shift 3
	expect "$status" "" assay "$@"
	grep -qE -- "$pattern" "$W/$stream" || die "not on the stream $stream: /$pattern/: assay $*"
}
words 0 out '^  release approve ' help
words 0 out '^  release approve ' --help
words 2 errors '^  release approve '
words 0 out '^usage: assay run WORKLOAD ' help run
words 0 out '^usage: assay run WORKLOAD ' run --help
words 0 out '^usage: assay release create ' help release create
words 0 out '^  release approve ' help release
words 0 out '^  release approve ' release --help
words 2 errors '^  release approve ' release
words 2 errors 'there is no command release frobnicate' release frobnicate
words 2 errors 'there is no command frobnicate; `assay help` lists' frobnicate
words 2 errors 'there is no command frobnicate; `assay help` lists' help frobnicate
words 2 errors 'there is no command \\x1b' $'\e[2J'
words 2 errors 'expected: assay status$' status now
[ ! -s "$W/out" ] || die "an error on standard output"
ok "help__of_all_of_a_group_of_a_command__and_mistakes_answered"

count=0
while read -r first second; do
	expect 0 '^usage: assay ' assay help "$first" ${second:+"$second"}
	! grep -qE ' $' "$W/out" || die "a blank at the end of a line"
	[ "$(awk 'length > 112' "$W/out")" = "" ] || die "a line too long for a terminal"
	count=$((count + 1))
done < <(assay help | sed -n 's/^  \([a-z]\+\) \([a-z]*\) .*/\1 \2/p')
[ "$count" -gt 25 ] || die "only $count commands have help"
ok "help__of_every_command__fits_a_terminal"

expect 3 'does not answer at .*/hostd.sock: is it running on this host' assay status --socket "$W/hostd.sock"
expect 3 'does not answer at .*: is it running' assay run ocr-agent --socket "$W/hostd.sock"
# Root without the right to pass by modes; an ordinary user has none to lose.
powerless() { if [ "$(id -u)" = 0 ]; then setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all "$@"; else "$@"; fi; }
python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind(sys.argv[1])' "$W/closed.sock"
expect 3 'does not answer at .*: is it running' assay status --socket "$W/closed.sock"
chmod 000 "$W/closed.sock"
expect 3 'permission denied: only root, .* socket_group' powerless assay status --socket "$W/closed.sock"
echo '{}' >"$W/secret"
chmod 000 "$W/secret"
expect 3 'Permission denied' powerless assay audit "$W/secret"
ok "errors__hostd_absent_or_forbidden_or_a_file_forbidden__nothing_decided"

expect 3 'no verifier is known \(give --config, .*assay/config.yaml: No such file' assay host list
expect 2 'must be an https:// address' assay host list --verifier http://127.0.0.1 --ca "$W/ca"
tpm_make one
verifier_make
other=$W/other.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/other.key" -out "$other" -subj /CN=other -days 1 2>/dev/null
expect 3 'is the verifier running there\?' operator host list
verifier_start
expect 0 '\(none\)' operator host list
expect 3 "verifier's certificate is not the CA's that was given" operator host list --ca "$other"
expect 3 'the CA certificate cannot be read' operator host list --ca "$W/nothing.pem"
expect 3 'the client certificate or its key cannot be used' operator host list --client-key "$W/other.key"
expect 3 'home: not a regular file' operator release publish "$HOME"
expect 3 'other.pem: DSSE envelope: JSON: line 1' operator release publish "$other"
expect 3 'other.pem: audit bundle: ' assay audit "$other"
expect 2 "whole id: 64 hex digits" operator host invite --host 00
expect 2 'named by its id: at least 4 of its 64 hex digits' operator host show zz
expect 2 'expected a form like 90s' operator host invite --expires 5y
expect 1 'certificate' assay host list --verifier "https://127.0.0.1:$PORT" --ca "$W/verifier/ca.pem"
ok "errors__verifier_absent_wrong_ca_no_config_no_certificate__say_so"

# Where a stream is closed, the first file that is opened would lie in its place: here the lock of the state.
openssl genpkey -algorithm ed25519 -out "$W/log.key" 2>/dev/null
printf 'log %s\nquorum none\n' "$(assay log key log.example --key "$W/log.key")" >"$W/logs"
got=0
assay log monitor --policy "$W/logs" --state "$W/monitor" --url https://127.0.0.1:1 2>&- || got=$?
[ "$got" = 3 ] || die "exit status $got without standard error"
[ ! -s "$W/monitor/lock" ] || die "printed into another file: $(cat "$W/monitor/lock")"
ok "output__closed__nothing_is_printed_into_other_files"

expect 3 'name another one with --config' assay-hostd --config "$W/nothing.yaml"
expect 2 '--frob is no option' assay-hostd --frob
expect 3 'assay-verifierd init makes one' assay-verifierd --config "$W/nothing.yaml"
expect 2 'frob is no command' assay-verifierd frob
expect 2 '--dir DIR is required' assay-verifierd init
ok "errors__daemons_without_a_configuration__say_so"
printf '%d passed, 0 failed\n' "$CHECKS"
