# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The machine itself. Sourced after prepare.sh.
#
#   machine_tpm              its TPM, $W/tpm-machine, with EK certificates by the world's own CA
#   machine_boot NAME ESP VARS    boots; $MACHINE is a directory with console.log and what was recorded
#   machine_do COMMAND…      runs a line of shell in the machine; prints what it printed, returns its exit status
#   machine_fetch PATH FILE  copies a file out
#   machine_off              shuts it down
MACHINE_LIMIT=${MACHINE_LIMIT:-240} # seconds that a machine may be up

machine_tpm() {
	[ -d "$W/tpm-ca" ] || tpm_ca "$W/tpm-ca"
	mkdir -p "$W/tpm-machine"
	swtpm_setup --tpm2 --tpmstate "dir://$W/tpm-machine" --config "$W/tpm-ca/setup.conf" --create-ek-cert --create-platform-cert \
		--lock-nvram --pcr-banks sha1,sha256 --vmid machine --overwrite >"$W/tpm-machine.log" 2>&1 || { cat "$W/tpm-machine.log" >&2; return 1; }
}

machine_boot() { # NAME ESP VARS
	local forward="cmd:/bin/busybox nc 127.0.0.1 ${PORT:-9}"
	MACHINE=$W/machine-$1
	mkdir -p "$MACHINE"
	cp "$3" "$MACHINE/vars.fd"
	mkfifo "$MACHINE/port.in" "$MACHINE/port.out"
	exec {MACHINE_IN}<>"$MACHINE/port.in" {MACHINE_OUT}<>"$MACHINE/port.out"
	started "$MACHINE/tpm.log" swtpm socket --tpm2 --tpmstate "dir=$W/tpm-machine" --ctrl "type=unixio,path=$MACHINE/tpm.sock" --terminate
	MACHINE_TPM_PID=$!
	until_ok test -S "$MACHINE/tpm.sock"
	started "$MACHINE/qemu.log" timeout "$MACHINE_LIMIT" qemu-system-x86_64 \
		-machine q35,smm=on -accel tcg,thread=multi -cpu max -m 512 -smp 1 -nodefaults -no-user-config \
		-display none -monitor none -no-reboot -serial "file:$MACHINE/console.log" \
		-global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1 \
		-drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd \
		-drive "if=pflash,unit=1,format=raw,file=$MACHINE/vars.fd" \
		-chardev "socket,id=tpm,path=$MACHINE/tpm.sock" -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0 \
		-drive "if=none,id=esp,format=raw,readonly=on,file=$2" -device virtio-blk-pci,drive=esp,bootindex=1 \
		-drive "if=none,id=root,format=raw,file=$W/root.img" -device virtio-blk-pci,drive=root \
		-netdev "user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:443-$forward" -device virtio-net-pci,netdev=net,romfile= \
		-chardev "pipe,id=port,path=$MACHINE/port" -device virtio-serial-pci -device virtserialport,chardev=port,name=assay
	MACHINE_PID=$!
	machine_answer >/dev/null || { tail -n 20 "$MACHINE/console.log" "$MACHINE/qemu.log" >&2; return 1; }
}

machine_answer() {
	local line part=
	while :; do
		if ! IFS= read -r -t 1 -u "$MACHINE_OUT" line; then
			part+=$line
			kill -0 "$MACHINE_PID" 2>/dev/null && continue
			echo "the machine is gone" >&2
			return 124
		fi
		line=$part$line
		part=
		case $line in
		@*) return "${line#@}" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}

machine_do() { # COMMAND…
	printf "%s\n" "${*//$'\n'/ }" >&"$MACHINE_IN"
	machine_answer
}

machine_fetch() { # PATH FILE
	machine_do "base64 $1" >"$2.base64" || return 1
	base64 -d "$2.base64" >"$2"
	rm "$2.base64"
}

machine_off() {
	printf 'poweroff -f\n' >&"$MACHINE_IN"
	wait "$MACHINE_PID" || { echo "the machine did not shut down in time" >&2; return 1; }
	wait "$MACHINE_TPM_PID" || true
	exec {MACHINE_IN}>&- {MACHINE_OUT}>&-
}
