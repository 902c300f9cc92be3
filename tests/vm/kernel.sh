#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints the guest kernel and its module directory, one a line: Debian's cloud kernel, installed or unpacked below build/.
#
#   tests/vm/kernel.sh            status 1 when there is none
#   tests/vm/kernel.sh --fetch    downloads the package first where needed and unpacks it, installing nothing: a kernel
#                                 package that is installed would change what this machine boots
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
unpacked=$root/build/vm/linux

newest() {
  local image version
  for image in $(printf '%s\n' "$1"/boot/vmlinuz-*-cloud-amd64 | sort -rV); do
    version=${image##*/vmlinuz-}
    if [ -r "$image" ] && [ -d "$1/lib/modules/$version/kernel/drivers/virtio" ]; then
      printf '%s\n' "$image" "$1/lib/modules/$version"
      return 0
    fi
  done
  return 1
}

newest "" && exit 0
newest "$unpacked" && exit 0
if [ "${1:-}" != --fetch ]; then
  echo "no Debian cloud kernel in /boot or $unpacked; tests/vm/kernel.sh --fetch gets one" >&2
  exit 1
fi

name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -1)
[ -n "$name" ] || { echo "kernel.sh: apt knows no linux-image-cloud-amd64; run apt-get update" >&2; exit 1; }
mkdir -p "$root/build/vm/download"
cd "$root/build/vm/download"
apt-get download -q "$name" >&2
dpkg-deb -x "$name"_*.deb "$unpacked"
rm -r "$root/build/vm/download"
newest "$unpacked"
