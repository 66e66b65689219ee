#!/usr/bin/env bash
# Measures Holdfast and workerd with the same client, one after the other, N
# times (default 3), and prints each run. Needs Go, node with npm, and Linux.
#
#   examples/load/compare.sh [N]
set -euo pipefail
cd "$(dirname "$0")"
runs=${1:-3}
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
cp peer/* "$work"
(cd "$work" && npm install --silent --no-audit --no-fund && mkdir -p data)
(cd "$work" && exec node_modules/.bin/workerd serve config.capnp --experimental >workerd.log 2>&1) &
pid=$!
for _ in $(seq 100); do curl -sf http://127.0.0.1:8797/plain >/dev/null && break; sleep 0.1; done
# The command is a script around the program: the CPU time is its child's.
server=$(pgrep -P "$pid" workerd || echo "$pid")
bench() { go test . -count=1 -run '^$' -bench "$1" -benchtime 8000x | grep -E '^Benchmark|^cpu' | sed "s/^/$2 /"; }
for _ in $(seq "$runs"); do
	bench 'Plain|Noop|Incr|AppendAlone' holdfast
	HOLDFAST_BENCH_URL=http://127.0.0.1:8797 HOLDFAST_BENCH_PID=$server bench 'Plain|Noop|Incr|AppendAlone' workerd
done
