# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The agent of the machine, its release, and the assay programs as they run in there. Sourced after machine.sh.
#
#   vm_agent ROOT            the agent, its workload spec and hostd's configuration, into the tree of the root disk
#   vm_release ROOT          its release, published; the digest lies in the tree
#   vm_ima_rules ROOT        what may run in the machine: the whole tree, except /opt/unlisted
#   vm_policy VERSION LOG [CORIM]   the verifier's policy: nothing but the boot of LOG and those rules; CoRIM, signed by the
#                            builder: other PCR values that will do
#   vm_approve               approves the release under the policy in force
#   vm_hostd                 starts hostd in the machine and waits for it
#   vm_launch                the agent, in the machine; its credentials end up in /run/credentials
#   vm_launch_and_stay       the same, with the agent going on; its credentials are in /run/staying
#   vm_renewed, vm_withdrawn wait until its credential was renewed, until it was taken away

vm_agent() { # ROOT
	local agent=$1/opt/agent
	vm_program "$1" "$BIN/vm_agent" /opt/agent/agent
	mkdir -p "$1/etc/assay/workloads" "$agent/model"
	python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(3000001))' >"$agent/model/weights"
	echo "mode: careful" >"$agent/agent.conf"
	cat >"$1/etc/assay/workloads/reader.yaml" <<-EOF
		workload: reader
		command: [/opt/agent/agent, /opt/agent/model/weights, /opt/agent/agent.conf]
		components:
		  - {name: agent, role: binary, path: /opt/agent/agent}
		  - {name: model, role: model, path: /opt/agent/model, digest: fs-verity, present: pin}
		  - {name: config, role: config, path: /opt/agent/agent.conf}
		credentials: [x509]
	EOF
	cat >"$1/etc/assay/hostd.yaml" <<-EOF
		verifier: https://verifier.bank.example
		ca: /etc/assay/ca.pem
	EOF
	cp "$W/verifier/ca.pem" "$1/etc/assay/ca.pem"
}

# The tree is what the machine will see, so the release is made in it.
vm_release() { # ROOT
	local dir=$1/tmp
	cp "$W/keys/builder" "$dir/builder"
	cat >"$dir/release.yaml" <<-EOF
		release: reader
		version: 1.0.0
		workload: /etc/assay/workloads/reader.yaml
		owner: claims-department
		author: bob
		purpose: reads its model
		risk_class: low
		code_commit: 0123456789abcdef0123456789abcdef01234567
	EOF
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare -m sh -ec 'for i in dev proc; do mount --rbind /$i "$1/$i"; done
		exec chroot "$1" /usr/bin/assay release create /tmp/release.yaml --key /tmp/builder --out /tmp/release.dsse' sh "$1"
	mv "$dir/release.dsse" "$W/release.dsse"
	rm "$dir/builder" "$dir/release.yaml"
	operator workload add reader --class low --env prod --owner claims-department --purpose "reads its model"
	operator release publish "$W/release.dsse" --json >"$W/release.json"
	python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["digest"])' "$W/release.json" >"$1/etc/assay/workloads/reader.release"
}

vm_approve() {
	operator release approve "$W/release.dsse" --person alice --role model-risk --env prod --reason "tests passed" \
		--key "$W/keys/alice" --out "$W/approval.dsse"
	operator release publish "$W/approval.dsse"
}

# root reads hostd's own state, and what root reads IMA measures. The rest is listed by path and digest.
vm_ima_rules() { # ROOT
	mkdir -p "$W/verifier/references"
	(cd "$1" && find . -type f ! -path ./opt/unlisted -exec sha256sum {} + | sed 's|  \./|  /|' | sort -k 2) >"$W/verifier/references/ima.rules"
	echo 'ignore /var/lib/assay/**' >>"$W/verifier/references/ima.rules"
}

sha256_of() { sha256sum <"$1" | cut -d' ' -f1; }

vm_policy_corim() { # CORIM
	cp "$1" "$W/verifier/references/update.corim"
	printf '      - kind: corim\n        sha256: %s\n        key: |\n' "$(sha256_of "$1")"
	yaml_pem '          ' "$W/keys/builder.pub"
}

vm_policy() { # VERSION LOG [CORIM]
	local references=$W/verifier/references
	cp "$2" "$references/golden.log"
	CREDENTIAL_LIFETIME=2m RENEW_AFTER=10s policy_write "$W/verifier/policy.yaml" "$1"
	sed -i 's/^    minimum_assurance: .*/    minimum_assurance: measured\n    host_classes: [machine]/' "$W/verifier/policy.yaml"
	cat >>"$W/verifier/policy.yaml" <<-EOF
		host_classes:
		  - name: machine
		    secure_boot: required
		    authorities: [$(sha256_of "$W/secure-boot/db.der")]
		    dbx_minimum: 1
		    references:
		      - kind: golden-log
		        sha256: $(sha256_of "$references/golden.log")
		      - kind: ima-rules
		        sha256: $(sha256_of "$references/ima.rules")
		$([ -z "${3:-}" ] || vm_policy_corim "$3")
		    ima:
		      hostd:
		        - path: /usr/bin/assay-hostd
		          sha256: $(sha256_of "$BIN/assay-hostd")
		      lockdown: secure-boot
	EOF
}

vm_hostd() {
	machine_do 'assay-hostd --config /etc/assay/hostd.yaml >/run/hostd.log 2>&1 & for i in $(seq 300); do [ -S /run/assay/hostd.sock ] && exit 0;
		sleep 0.1; done; cat /run/hostd.log; false'
}

vm_launch() {
	machine_do 'rm -rf /run/credentials; mkdir -m 700 /run/credentials; assay run reader --explain --credentials /run/credentials'
}

vm_launch_and_stay() {
	machine_do 'mkdir -m 700 /run/staying; (sleep 1000 | assay run reader --quiet --credentials /run/staying) >/run/staying.out 2>&1 &
		for i in $(seq 600); do [ -e /run/staying/bundle.pem ] && cp /run/staying/svid.pem /run/first.pem && exit 0; sleep 0.1; done;
		cat /run/staying.out; false'
}

vm_renewed() {
	machine_do 'for i in $(seq 900); do [ -s /run/staying/svid.pem ] && ! cmp -s /run/staying/svid.pem /run/first.pem && exit 0;
		sleep 0.1; done; cat /run/hostd.log; false'
}

vm_withdrawn() {
	machine_do 'for i in $(seq 900); do [ -e /run/staying/svid.pem ] || { assay status; cat /run/hostd.log; exit 0; }; sleep 0.1; done; false'
}
