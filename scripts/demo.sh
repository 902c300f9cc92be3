#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs, builds, runs a real job in a native cell, verifies its evidence and shows it.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
scripts/install.sh build
configure release -DBUILD_TESTING=OFF
build release
cellos=build/release/bin/cellos

step() { printf '\n$ %s\n' "$*"; }

export CELLOS_RUN_ID="demo-$(date -u +%Y%m%dT%H%M%S)-$$"
job=(run --id ci-job --ttl 300 --pids 64 --ro examples/ci-job:/src
  --export wordcount=/workspace/wordcount --export junit.xml=/workspace/junit.xml --summary -- sh /src/ci.sh)
step cellos "${job[@]}"
"$cellos" "${job[@]}"
run=$CELLOS_RUN_ID
unset CELLOS_RUN_ID
step cellos verify "$run"
"$cellos" verify "$run"
step cellos show "$run"
"$cellos" show "$run"
