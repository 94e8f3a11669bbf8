#!/bin/bash
# Three days of a town of 100,000 subscribers through `damp replay -`: what would have been opened, though nothing was
# wrong, and how memory goes.  Nothing is written to the disk; the generator streams.
# usage: tests/soak.sh [HOURS]    SESSIONS=4: sessions a subscriber and day; SEED=N
# Status 1 when more than one false incident a day and 100,000 subscribers was opened, or memory kept growing.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
export BUILD=$build DAMP=${DAMP:-$build/damp} GEN=${GEN:-$build/damp-gen} LC_ALL=C.UTF-8 TZ=UTC
exec python3 tests/score/soak.py "${1:-72}"
