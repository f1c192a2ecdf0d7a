# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Small checks for the end-to-end tests: each prints what it checked, the first failure ends the test.
. "$(dirname "${BASH_SOURCE[0]}")/../support/world.sh"

command -v swtpm >/dev/null && command -v swtpm_setup >/dev/null || { echo "skipped: swtpm is not installed"; exit 77; }
CHECKS=0

ok() { # NAME
	CHECKS=$((CHECKS + 1))
	printf 'ok %d - %s\n' "$CHECKS" "$1"
}

die() { # TEXT
	printf 'not ok - %s\n' "$*"
	for file in "$W/out" "$W/errors"; do [ -s "$file" ] && { echo "--- $file"; tail -n 30 "$file"; }; done
	for file in "$W"/host-*/log "$W/verifier.log"; do [ -s "$file" ] && { echo "--- $file"; tail -n 15 "$file"; }; done
	exit 1
}

# Runs a command and checks its exit status and, if given, a pattern in what it printed on either stream.
expect() { # STATUS PATTERN COMMAND…
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" >"$W/out" 2>"$W/errors" || got=$?
	[ "$got" = "$want" ] || die "expected exit status $want, got $got: $*"
	[ -z "$pattern" ] || grep -qE -- "$pattern" "$W/out" "$W/errors" || die "nothing like /$pattern/ was printed: $*"
}
