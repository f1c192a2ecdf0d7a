# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What a machine recorded of its boot, with a quote of it. Sourced after machine.sh.
#
#   machine_logs DIRECTORY     firmware.log, ima.log, pcrs.txt (bank, number, value)
#   machine_quote DIRECTORY    besides quote.msg, quote.sig and ak.pem: PCR 0 to 15 by a P-256 key, over CAPTURE_NONCE
CAPTURE_NONCE=00112233445566778899aabbccddeeff

machine_logs() { # DIRECTORY
	mkdir -p "$1"
	machine_fetch /sys/kernel/security/tpm0/binary_bios_measurements "$1/firmware.log"
	machine_fetch /sys/kernel/security/ima/binary_runtime_measurements "$1/ima.log"
	machine_do 'cd /sys/class/tpm/tpm0; for b in sha1 sha256; do for i in $(seq 0 23); do echo $b $i $(cat pcr-$b/$i); done; done' |
		tr A-F a-f >"$1/pcrs.txt"
}

# The first quote makes the machine load, and IMA measure, what the second one needs: the log read after the second is then
# the log that was quoted.
machine_quote() { # DIRECTORY
	local pcrs=sha256:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 i
	mkdir -p "$1"
	machine_do "mkdir -p /tmp/quote && cd /tmp/quote && export TPM2TOOLS_TCTI=device:/dev/tpmrm0 &&
		tpm2 createprimary -Q -C e -G ecc256:ecdsa-sha256:null -c ak.ctx -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' &&
		tpm2 readpublic -Q -c ak.ctx -f pem -o ak.pem && for i in 1 2; do
		tpm2 quote -Q -c ak.ctx -l $pcrs -q $CAPTURE_NONCE -m quote.msg -s quote.sig; done" >&2 || return 1
	for i in quote.msg quote.sig ak.pem; do
		machine_fetch "/tmp/quote/$i" "$1/$i"
	done
	machine_logs "$1"
}
