#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a program of the host in a virtual machine with Debian's cloud kernel, cgroup v2 and every controller delegated.
# Its output is this script's output, its status this script's status.
#
#   tests/vm/run-in-vm.sh [--user] [--timeout SECONDS] [--file PATH]… BINARY [ARGUMENT…]
#
#   --user        as an ordinary user (uid 1000) who owns its own cgroup, not as root
#   --timeout     for the whole machine, default 300 s; then status 124
#   --file PATH   this file or directory of the host comes along, at the same place
#
# The root image is made each time from the host's packages: the program and what it is linked with, the programs beside
# it that are ours, a shell, coreutils and the like. Variables CELLOS_* and GTEST_* are passed on. Emulated throughout
# (TCG): needs no /dev/kvm and no root.
# Status 77, with the reason as last line: there is no emulator or no kernel here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

user=root limit=300 extra=()
while [ $# -gt 0 ]; do
  case "$1" in
    --user) user=tester; shift ;;
    --timeout) limit=$2; shift 2 ;;
    --file) extra+=("$(realpath "$2")"); shift 2 ;;
    --) shift; break ;;
    -*) echo "run-in-vm.sh: no option $1" >&2; exit 2 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || { echo "usage: run-in-vm.sh [--user] [--timeout SECONDS] [--file PATH]… BINARY [ARGUMENT…]" >&2; exit 2; }
binary=$(realpath "$(command -v "$1")")
shift

for tool in qemu-system-x86_64 mke2fs cpio busybox; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || { echo "no $tool here (scripts/install.sh test)"; exit 77; }
done
[ "$(uname -m)" = x86_64 ] || { echo "the emulated machine is set up for x86_64 only"; exit 77; }
kernel_and_modules=$("$here/kernel.sh" 2>&1) || { echo "$kernel_and_modules"; exit 77; }
{ read -r kernel; read -r modules; } <<<"$kernel_and_modules"

work=$(mktemp -d "${TMPDIR:-/tmp}/cellos-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$here/make-image.sh" "$work" "$modules" "$user" "$binary" ${extra[@]+"${extra[@]}"} -- "$@"

# Through a FIFO, so that output is seen while the machine runs.
mkfifo "$work/output"
cat "$work/output" &
reader=$!
exec 3>"$work/output"  # holds the reader until the machine is done

status=0
timeout --kill-after=5 "$limit" qemu-system-x86_64 \
  -M microvm,acpi=on,rtc=on -cpu max -accel tcg,thread=multi -smp 2 -m 1024 -nodefaults -no-user-config -no-reboot \
  -display none -monitor none -kernel "$kernel" -initrd "$work/initrd" \
  -append "console=ttyS0 loglevel=4 tsc_early_khz=2400000 lpj=4800000 no_timer_check reboot=t panic=-1 random.trust_cpu=on cgroup_no_v1=all" \
  -serial "file:$work/console" \
  -drive "id=root,file=$work/root.ext4,format=raw,if=none,cache=unsafe" -device virtio-blk-device,drive=root \
  -device virtio-serial-device \
  -chardev "file,id=output,path=$work/output" -device virtserialport,chardev=output,nr=1 \
  -chardev "file,id=status,path=$work/status" -device virtserialport,chardev=status,nr=2 \
  </dev/null 2>"$work/qemu" 3>&- || status=$?
exec 3>&-
wait "$reader"

if [ -s "$work/status" ]; then
  exit "$(tr -dc 0-9 <"$work/status")"
fi
[ "$status" -eq 124 ] || [ "$status" -eq 137 ] && status=124
echo "run-in-vm.sh: the machine ended without a result (emulator status $status); its console:" >&2
cat "$work/qemu" >&2
tail -60 "$work/console" >&2
exit $((status == 0 ? 125 : status))
