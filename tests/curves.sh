#!/bin/bash
# How much each threshold may move before an attack is missed or an alert is false; writes build/curves.md.
# About half an hour on two cores; with --only KIND a few minutes.
# usage: tests/curves.sh [--only KIND[.SETTING]] [--jobs N]
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
export BUILD=$build DAMP=${DAMP:-$build/damp} GEN=${GEN:-$build/damp-gen} EXPORTER=${EXPORTER:-$build/score/exporter}
export SHARED_DATA=${SHARED_DATA:-$([ -d ../shared/data ] && cd ../shared/data && pwd)} LC_ALL=C.UTF-8 TZ=UTC
exec python3 tests/score/curves.py "$@"
