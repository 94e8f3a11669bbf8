#!/bin/bash
# Opens the pages that test_report leaves in $BUILD/pages in a real browser: looks, use with and
# without script, print, and that nothing leaves the machine.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
chromium=${CHROMIUM:-/usr/bin/chromium}

[ -x "$chromium" ] || { echo "skip page in a browser: no Chromium"; exit 0; }
command -v python3 >/dev/null || { echo "skip page in a browser: no python3"; exit 0; }
[ -x "$build/unit/test_report" ] || make -s "$build/unit/test_report" || { echo "not ok pages: cannot be built"; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
BUILD=$dir "$build/unit/test_report" >/dev/null 2>&1 || { echo "not ok pages: test_report fails"; exit 1; }
pages=()
for p in customers victim none empty kinds hostile bare; do pages+=("$dir/pages/$p.html"); done
CHROMIUM=$chromium python3 tests/tools/browser.py check "${pages[@]}"
