#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that building and testing need. Quick when they are there; needs root only to install.
#
#   scripts/install.sh [GROUP…]     groups: build test sanitize bench; without any: all of them
set -euo pipefail

declare -A packages=(
  [build]="g++ gcc libc6-dev make cmake ninja-build ccache mold git
    libboost-json1.81-dev libcli11-dev libfmt-dev libsodium-dev libssl-dev libseccomp-dev linux-libc-dev musl-tools
    libnftnl-dev libmnl-dev libnghttp2-dev libunbound-dev libevent-dev nettle-dev libgmp-dev"
  [test]="libgtest-dev libgmock-dev bubblewrap util-linux procps nftables iproute2 libldns-dev libnftables-dev libcbor-dev
    qemu-system-x86 busybox-static cpio kmod"
  [sanitize]="clang-19 libclang-rt-19-dev llvm-19"
  [bench]="libbenchmark-dev bubblewrap crun dnsperf dnsdist unbound haproxy"
)

groups=("$@")
[ $# -gt 0 ] || groups=(build test sanitize bench)

wanted=()
for group in "${groups[@]}"; do
  if [ -z "${packages[$group]:-}" ]; then
    echo "install.sh: no group '$group'; there are: ${!packages[*]}" >&2
    exit 2
  fi
  read -r -d '' -a names <<<"${packages[$group]}" || true
  wanted+=("${names[@]}")
done

installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p')
missing=()
for name in "${wanted[@]}"; do
  grep -qxF "$name" <<<"$installed" || missing+=("$name")
done

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "install.sh: missing packages; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "install.sh: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
    apt-get update -q
    apt-get install -y -q --no-install-recommends "${missing[@]}"
  }
fi

# The kernel of the test machine is unpacked, not installed. Without it those tests are skipped and say so.
for group in "${groups[@]}"; do
  if [ "$group" = test ]; then
    "$(dirname "$0")/../tests/vm/kernel.sh" --fetch >/dev/null ||
      echo "install.sh: no kernel for the virtual machine tests; they will be skipped" >&2
  fi
done
