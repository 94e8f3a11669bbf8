#!/bin/bash
# How good damp is: labelled captures through it, as packets and as an exporter would tell of them.  Prints precision,
# recall and delay for each kind and writes them to build/score.json; status 1 when a target is missed.
# usage: tests/score.sh [--only TEXT] [--verbose]     TEXT: cases whose name holds it
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
export BUILD=$build DAMP=${DAMP:-$build/damp} GEN=${GEN:-$build/damp-gen} EXPORTER=${EXPORTER:-$build/score/exporter}
export SHARED_DATA=${SHARED_DATA:-$([ -d ../shared/data ] && cd ../shared/data && pwd)} LC_ALL=C.UTF-8 TZ=UTC
exec python3 tests/score/score.py "$@"
