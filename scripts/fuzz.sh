#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Searches with every fuzz target: scripts/fuzz.sh [SECONDS a target, default 60]. New inputs stay in build/fuzz/found/.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
scripts/install.sh
seconds=${1:-60}
targets=()
for source in fuzz/*_fuzz.cc; do targets+=("$(basename "$source" .cc)"); done
configure fuzz
build fuzz "${targets[@]}"
failed=0
for target in "${targets[@]}"; do
  name=${target%_fuzz}
  found=build/fuzz/found/$name
  mkdir -p "$found"
  if ! build/fuzz/bin/"$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 "$found" fuzz/corpus/"$name"; then
    echo "FAILED $name"
    failed=1
  fi
done
exit $failed
