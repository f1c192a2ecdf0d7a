# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What a machine is made of. Sourced after tests/support/world.sh; makes everything below $W, except the kernel, which is
# downloaded once and kept below build/vm.
#
#   vm_packages              the packages, installed if need be; exit status 77 where they cannot be had
#   vm_kernel                the kernel and its modules, in $KERNEL
#   vm_keys                  Secure Boot keys of our own, in $W/secure-boot
#   vm_initramfs FILE TEXT   TEXT makes it another one
#   vm_uki FILE INITRAMFS COMMAND-LINE…     a signed unified kernel image
#   vm_esp FILE UKI          a disk with an EFI system partition that boots it
#   vm_root DIRECTORY        the tree of the root disk
#   vm_disk FILE DIRECTORY   the root disk: ext4 that can do fs-verity
VM=$ROOT/tests/vm
VM_CACHE=$ROOT/build/vm
VM_MODULES="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk virtio_console failover
	net_failover virtio_net"
VM_STUB=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
VM_COMMAND_LINE="console=ttyS0 loglevel=4 panic=-1 ima_policy=tcb"

vm_skip() { # TEXT
	echo "skipped: $*"
	exit 77
}

vm_packages() {
	local package missing=
	[ "$(id -u)" = 0 ] || vm_skip "only root can make the machine's disk"
	for package in $(sed -e 's/#.*//' "$VM/packages.txt"); do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	# shellcheck disable=SC2086 # a list of words
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
		>"$W/packages.log" 2>&1 || vm_skip "could not be installed:$missing"
}

vm_kernel_package() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1
}

vm_kernel() {
	local package
	KERNEL=$VM_CACHE/kernel
	if [ ! -e "$KERNEL/done" ]; then
		package=$(vm_kernel_package)
		[ -n "$package" ] || { apt-get update -qq >"$W/kernel.log" 2>&1 || true; package=$(vm_kernel_package); }
		[ -n "$package" ] || vm_skip "no kernel: linux-image-cloud-amd64 is not known"
		rm -rf "$KERNEL"
		mkdir -p "$KERNEL"
		(cd "$KERNEL" && apt-get download -qq "$package") >"$W/kernel.log" 2>&1 || vm_skip "could not be downloaded: $package"
		dpkg -x "$KERNEL"/*.deb "$KERNEL"
		touch "$KERNEL/done"
	fi
	VMLINUZ=$(echo "$KERNEL"/boot/vmlinuz-*)
}

vm_keys() {
	local name dir=$W/secure-boot
	mkdir -p "$dir"
	for name in PK KEK db; do
		openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/$name.key" -out "$dir/$name.pem" -days 3650 \
			-subj "/O=Assay tests/CN=Secure Boot $name" 2>/dev/null
		openssl x509 -in "$dir/$name.pem" -outform DER -out "$dir/$name.der"
	done
	for name in on off; do
		python3 "$VM/varstore.py" /usr/share/OVMF/OVMF_VARS_4M.fd "$dir/vars-$name.fd" "$dir/PK.der" "$dir/KEK.der" "$dir/db.der" $name
	done
}

vm_initramfs() { # FILE TEXT
	local dir=$1.d module
	mkdir -p "$dir/bin" "$dir/dev" "$dir/modules" "$dir/root"
	cp /bin/busybox "$dir/bin/"
	cp "$VM/guest/init" "$dir/init"
	chmod 755 "$dir/init"
	for module in $VM_MODULES; do
		find "$KERNEL/lib/modules" -name "$module.ko" -exec cp {} "$dir/modules/" \;
		echo "$module" >>"$dir/modules/order"
	done
	echo "$2" >"$dir/version"
	(cd "$dir" && find . | sort | cpio --quiet -o -H newc --reproducible) | gzip -n1 >"$1"
	rm -r "$dir"
}

vm_uki() { # FILE INITRAMFS COMMAND-LINE…
	local file=$1 initramfs=$2
	shift 2
	printf 'ID=assay-vm\nVERSION_ID=1\n' >"$file.osrel"
	printf '%s' "$*" >"$file.cmdline"
	objcopy --add-section .osrel="$file.osrel" --change-section-vma .osrel=0x20000 \
		--add-section .cmdline="$file.cmdline" --change-section-vma .cmdline=0x30000 \
		--add-section .linux="$VMLINUZ" --change-section-vma .linux=0x2000000 \
		--add-section .initrd="$initramfs" --change-section-vma .initrd=0x4000000 "$VM_STUB" "$file.unsigned"
	sbsign --key "$W/secure-boot/db.key" --cert "$W/secure-boot/db.pem" --output "$file" "$file.unsigned" >"$file.log" 2>&1
	rm "$file.unsigned" "$file.osrel" "$file.cmdline"
}

# The partition table is measured into PCR 5: its identifiers stay, as when a file on the partition is replaced.
vm_esp() { # FILE UKI
	truncate -s 64M "$1"
	printf 'label: gpt\nlabel-id: 61736179-0000-4000-8000-000000000001\nstart=2048, size=126976, type=uefi, uuid=%s\n' \
		61736179-0000-4000-8000-000000000002 | sfdisk -q "$1"
	mformat -i "$1@@1M" -F -v ASSAY ::
	mmd -i "$1@@1M" ::/EFI ::/EFI/BOOT
	mcopy -i "$1@@1M" "$2" ::/EFI/BOOT/BOOTX64.EFI
}

# A program and the libraries it needs, where the loader of the machine looks for them.
vm_program() { # DIRECTORY FILE [PLACE]
	local library
	install -D -m 755 "$2" "$1${3:-$2}"
	{ ldd "$2" 2>/dev/null | grep -o '/[^ ]*' || true; } | while read -r library; do
		[ -e "$1$library" ] || install -D -m 755 "$library" "$1$library"
	done
}

vm_root() { # DIRECTORY
	local root=$1 applet
	mkdir -p "$root"/{dev,proc,sys,run,tmp,etc/assay,var/lib,sbin,usr/bin,usr/lib,usr/lib64,opt}
	ln -s usr/bin "$root/bin"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	printf '127.0.0.1 localhost\n10.0.2.100 verifier.bank.example\n' >"$root/etc/hosts"
	vm_program "$root" /bin/busybox /usr/bin/busybox
	for applet in $(/bin/busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/usr/bin/$applet"
	done
	vm_program "$root" "$BIN/assay" /usr/bin/assay
	vm_program "$root" "$BIN/assay-hostd" /usr/bin/assay-hostd
	vm_program "$root" "$(echo /usr/lib/*-linux-gnu/libtss2-tcti-device.so.0)"
	vm_program "$root" "$(command -v fsverity)" /usr/bin/fsverity
	vm_program "$root" "$(command -v tpm2)" /usr/bin/tpm2
	install -m 755 "$VM/guest/start" "$root/sbin/start"
	printf '#!/bin/sh\necho "nobody listed me"\n' >"$root/opt/unlisted"
	chmod 755 "$root/opt/unlisted"
}

vm_disk() { # FILE DIRECTORY
	rm -f "$1"
	mke2fs -q -t ext4 -b 4096 -O verity -L assay-root -E root_owner=0:0 -d "$2" "$1" 256M >"$1.log"
}
