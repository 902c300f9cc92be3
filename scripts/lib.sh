# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it: where the tree is, and how a build directory's tests are run and counted.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Objects of one clone serve every other on the machine: nothing in them tells where the tree lies. The compiler checks
# what it was precompiled from; the cache need not.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros

# configure PRESET [cmake argument…]; says something only when it fails.
configure() {
  local preset=$1 log cache=build/$1/CMakeCache.txt
  shift
  # A tree that was moved or copied with its build directory would go on building the old place.
  if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
    rm -rf "build/$preset"
  fi
  if ! log=$(cmake --preset "$preset" "$@" 2>&1); then
    echo "$log" >&2
    return 1
  fi
}

# build PRESET [target…]
build() {
  local preset=$1
  shift
  cmake --build --preset "$preset" ${1:+--target "$@"} >&2
}

# What this machine can do, one word a line; tests/must_run.txt names the tests that each word makes compulsory.
abilities() {
  echo always
  if [ "$(id -u)" -eq 0 ]; then echo root; else echo user; fi
  unshare --user --map-root-user --net true 2>/dev/null && echo userns
  local v1=/sys/fs/cgroup/memory/memory.limit_in_bytes v2
  [ "$(id -u)" -eq 0 ] && [ -w "$v1" ] && echo root-cgroup-v1
  v2=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
  grep -qsw memory "/sys/fs/cgroup$v2/cgroup.controllers" && [ -w "/sys/fs/cgroup$v2/cgroup.procs" ] && echo cgroup-v2
  if [ "$(uname -m)" = x86_64 ] && command -v qemu-system-x86_64 >/dev/null && tests/vm/kernel.sh >/dev/null 2>&1; then
    echo vm
  fi
  return 0
}

# compulsory WORD…: the patterns of tests/must_run.txt that hold with these words.
compulsory() {
  local words=" $* " ability pattern
  while read -r ability pattern; do
    case "$ability" in '' | '#'*) continue ;; esac
    case "$words" in *" $ability "*) echo "$pattern" ;; esac
  done <tests/must_run.txt
}

passed=0 failed=0 skipped=0

# run_tests PRESET [ctest argument…]: runs them, adds to passed, failed, skipped. Never fails itself.
run_tests() {
  local preset=$1 must result p f s
  shift
  must=$(mktemp) result=$(mktemp)
  # shellcheck disable=SC2046
  compulsory $(abilities) >"$must"
  ctest --test-dir "build/$preset" -j "$(nproc)" -V --no-tests=error "$@" 2>&1 |
    awk -v must_run="$must" -v result="$result" -v label="[$preset]" -f scripts/tally.awk || true
  read -r p f s <"$result" || { p=0 f=1 s=0; }
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  rm -f "$must" "$result"
}

# The closing line of every test script, and its status.
finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
}
