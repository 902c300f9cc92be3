#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make-image.sh WORK MODULES USER BINARY [FILE…] -- [ARGUMENT…]: writes WORK/initrd and WORK/root.ext4 for run-in-vm.sh.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
work=$1 modules=$2 user=$3 binary=$4
shift 4
files=()
while [ "$1" != -- ]; do
  files+=("$1")
  shift
done
shift
umask 022

# What a test or a cell may want to run.
programs="bash sh cat chmod chown cp cut date dd df dirname echo env expr false head hostname id install kill ln ls mkdir
  mkfifo mktemp mv nice nproc od printf ps pwd readlink realpath rm rmdir sed seq setpriv sha256sum sleep sort stat stty
  sync tail tee test timeout touch tr true tty uname unshare wc grep xargs find"

stage=$work/stage
mkdir -p "$stage"/{usr/bin,usr/sbin,usr/lib,usr/lib64,usr/local/bin,etc,proc,sys,dev,run,tmp,var/tmp,var/lib,root,home/tester,vm,workspace,mnt}
chmod 1777 "$stage/tmp" "$stage/var/tmp"
for link in bin sbin lib lib64; do ln -s "usr/$link" "$stage/$link"; done

# Where merged-usr has it: /lib/x → /usr/lib/x.
place() { case "$1" in /bin/* | /sbin/* | /lib/* | /lib64/*) echo "/usr$1" ;; *) echo "$1" ;; esac; }
put() {
  local to
  to=$stage$(place "$1")
  [ -e "$to" ] && return 0
  mkdir -p "${to%/*}"
  cp -aL "$1" "$to"
}

for name in $programs; do
  path=$(command -v "$name" 2>/dev/null) && [ "${path#/}" != "$path" ] || path=/usr/bin/$name
  [ -x "$path" ] && { put "$path"; executables+=("$path"); }
done
put "$(command -v busybox)"

put "$binary"
executables+=("$binary")
for beside in cellos cellos-init cellos-telemetry cellos-gate; do
  [ -f "${binary%/*}/$beside" ] && { put "${binary%/*}/$beside"; executables+=("${binary%/*}/$beside"); }
done
for file in ${files[@]+"${files[@]}"}; do
  put "$file"
  [ -f "$file" ] && [ -x "$file" ] && executables+=("$file")
done

# Shared objects; ldd says "not a dynamic executable" for static ones.
for executable in "${executables[@]}"; do ldd "$executable" 2>/dev/null || true; done |
  sed -nE 's/.*(=> |^\s+)(\/[^ ]+) \(0x.*/\2/p' | sort -u >"$work/libraries"
while read -r library; do put "$library"; done <"$work/libraries"
mkdir -p "$stage/etc/alternatives" "$stage/etc/ssl/certs"

cat >"$stage/etc/passwd" <<'P'
root:x:0:0:root:/root:/bin/sh
tester:x:1000:1000:tester:/home/tester:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
P
printf 'root:x:0:\ntty:x:5:\ntester:x:1000:\nnogroup:x:65534:\n' >"$stage/etc/group"
printf '127.0.0.1 localhost guest\n' >"$stage/etc/hosts"
printf 'guest\n' >"$stage/etc/hostname"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$stage/etc/nsswitch.conf"
: >"$stage/etc/ld.so.conf"

cp "$here/guest-init" "$stage/vm/guest-init"
# What a cell's rules need of the kernel, in the order of loading; nothing loads modules by itself in the guest.
for module in lib/libcrc32c net/netfilter/nfnetlink net/ipv4/netfilter/nf_defrag_ipv4 net/ipv6/netfilter/nf_defrag_ipv6 \
  net/netfilter/nf_conntrack net/netfilter/nf_nat net/netfilter/nf_tables net/netfilter/nft_ct net/netfilter/nft_chain_nat \
  net/netfilter/nft_nat net/ipv4/netfilter/nf_reject_ipv4 net/ipv6/netfilter/nf_reject_ipv6 net/netfilter/nft_reject \
  net/netfilter/nft_reject_inet net/netfilter/nft_limit net/netfilter/nft_log net/netfilter/nfnetlink_log; do
  mkdir -p "$stage/vm/drivers"
  cp "$modules/kernel/$module.ko" "$stage/vm/drivers/"
  echo "${module##*/}" >>"$stage/vm/drivers/order"
done
echo "$user" >"$stage/vm/user"
quote() { printf "'%s' " "${1//\'/\'\\\'\'}"; }
{
  echo '#!/bin/busybox sh'
  home=/root
  [ "$user" = root ] || home=/home/tester
  echo "export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=$home CELLOS_IN_TEST_VM=1"
  while IFS= read -r -d '' variable; do
    case "$variable" in CELLOS_* | GTEST_*) printf 'export %s=' "${variable%%=*}"; quote "${variable#*=}"; echo ;; esac
  done < <(env -0)
  echo "cd $home"
  [ "$user" = root ] && printf 'exec ' || printf 'exec /usr/bin/setpriv --reuid=1000 --regid=1000 --clear-groups '
  for word in "$(place "$binary")" "$@"; do quote "$word"; done
  echo
} >"$stage/vm/command"
chmod 755 "$stage/vm/guest-init" "$stage/vm/command"

# Owners as the guest shall see them: a user namespace makes the files root's where we are not root.
own='chown -R 1000:1000 "$1/home/tester" 2>/dev/null; mke2fs -q -t ext4 -O ^has_journal -E root_owner=0:0,lazy_itable_init=0 -d "$1" "$2" "$3" >/dev/null'
size=$(($(du -sm "$stage" | cut -f1) * 5 / 4 + 192))M
if [ "$(id -u)" -eq 0 ]; then
  chown -R 0:0 "$stage"
  sh -c "$own" sh "$stage" "$work/root.ext4" "$size"
else
  unshare --user --map-root-user sh -c "$own" sh "$stage" "$work/root.ext4" "$size"
fi
rm -rf "$stage"

initrd=$work/initrd.d
mkdir -p "$initrd"/{bin,drivers,dev,newroot}
cp "$(command -v busybox)" "$initrd/bin/busybox"
cp "$here/guest-init" "$initrd/init"
chmod 755 "$initrd/init"
for module in virtio/virtio virtio/virtio_ring virtio/virtio_mmio block/virtio_blk char/virtio_console; do
  cp "$modules/kernel/drivers/$module.ko" "$initrd/drivers/"
done
(cd "$initrd" && find . | cpio -o -H newc --quiet) >"$work/initrd"
rm -rf "$initrd"
