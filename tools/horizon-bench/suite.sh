#!/bin/sh
# Everything that is asked of a GPU, in one go: sh suite.sh [FOLDER FOR LOGS] [PART ...]; all parts by default. Lies in the packed
# folder (tools/pack-device.sh tools/horizon-bench) beside run.sh. Each part is a process with a time limit of its own, so that one that fails or hangs does not stop the rest.
set -u
here=$(cd "$(dirname "$0")" && pwd)
logs=${1:-.}
[ $# -gt 0 ] && shift
parts=${*:-check smoke kernels 1.5b 14layers 7b}

part() {
  name=$1 limit=$2
  shift 2
  echo "=== $name: $*"
  timeout -k 5 "$limit" "$here/run.sh" horizon-bench "$@" 2>&1 | tee "$logs/$(echo "$name" | tr -d " -").log"
}

for one in $parts; do
  case $one in
    check) part check 150 check --device cuda:0 --cases 8 --limit 60 ;;
    ab) # a fault or a gain, told apart: operators and layers, old and new
      for how in "--operators fused --layer explicit" "--operators eager --layer explicit" "--operators fused --layer autograd"; do
        part "ab $how" 40 step --device cuda:0 --shape qwen2.5-1.5b --batch 32 --steps 4 --no-floor --limit 35 $how
      done ;;
    smoke) part smoke 60 step --device cuda:0 --shape qwen2.5-0.5b --batch 8 --steps 4 --no-floor --limit 50 ;;
    kernels) part kernels 100 kernels --device cuda:0 --shape qwen2.5-7b --batch 64 --limit 30 ;;
    1.5b) part 1.5b 80 step --device cuda:0 --shape qwen2.5-1.5b --batch 64 --steps 5 --csv --limit 70 ;;
    14layers) part 14layers 120 step --device cuda:0 --shape qwen2.5-7b-14layers --batch 64 --steps 4 --csv --limit 100 ;;
    7b) part 7b 220 step --device cuda:0 --shape qwen2.5-7b --batch 64 --steps 4 --csv --limit 200 --timeline "$logs/7b-timeline.json" ;;
    *) echo "suite.sh: there is no part '$one'" >&2 ;;
  esac
done
