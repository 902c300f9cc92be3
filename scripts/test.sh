#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds the release preset and runs every test. The last line is the count.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
scripts/install.sh build test
configure release -DBUILD_TESTING=ON
build release
run_tests release --timeout 900
finish
