#!/bin/bash
# Sessions that use a service's port stay silent; reflection with few reflectors is named: see conversations.py.
set -u
exec python3 "$(dirname "$0")/conversations.py" "${DAMP:-build/damp}"
