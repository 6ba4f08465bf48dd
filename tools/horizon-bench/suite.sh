#!/bin/sh
# Everything that is asked of a GPU, in one go: sh suite.sh [FOLDER FOR LOGS] [PART ...]; all parts but `two` by default. Lies in the packed
# folder (tools/pack-device.sh tools/horizon-bench) beside run.sh. Each line of a part is a process with a time limit of its own, so that one that
# fails or hangs does not stop the rest.
set -u
here=$(cd "$(dirname "$0")" && pwd)
logs=${1:-.}
[ $# -gt 0 ] && shift
parts=${*:-check kernels 7b largest-batch 14layers 1.5b bounded width largest}

part() {
  name=$1 limit=$2
  shift 2
  echo "=== $name: $*"
  timeout -k 5 "$limit" "$here/run.sh" horizon-bench "$@" > "$logs/$name.log" 2>&1
  grep -E "RESULT|memory:|floor .*reaches|floor: |activations|stream |  gap |FAIL|passed|rror" "$logs/$name.log"
}

step() {
  name=$1 limit=$2
  shift 2
  part "$name" "$limit" step --device cuda:0 --csv --limit "$limit" "$@"
}

for one in $parts; do
  case $one in
    check) part check 150 check --device cuda:0 --cases 8 --limit 60 ;;
    two) part two 120 check --device cuda:0 --cases 0 --limit 60 ;; # needs two GPUs
    ab) # a fault or a gain, told apart: operators and layers, old and new
      step ab-fused-explicit 40 --shape qwen2.5-1.5b --batch 32 --steps 4 --no-floor --operators fused --layer explicit
      step ab-eager-explicit 40 --shape qwen2.5-1.5b --batch 32 --steps 4 --no-floor --operators eager --layer explicit
      step ab-fused-autograd 40 --shape qwen2.5-1.5b --batch 32 --steps 4 --no-floor --operators fused --layer autograd ;;
    kernels) part kernels 100 kernels --device cuda:0 --shape qwen2.5-7b --batch 64 --limit 30 ;;
    7b)
      step 7b-auto 110 --shape qwen2.5-7b --batch 64 --steps 5 --activations auto --timeline "$logs/7b-timeline.json" --picture "$logs/7b-step.svg"
      step 7b-recompute 90 --shape qwen2.5-7b --batch 64 --steps 5 --activations recompute --no-floor ;;
    largest-batch) step 7b-largest 150 --shape qwen2.5-7b --batch "${BATCH:-192}" --steps 4 --activations auto ;;
    14layers) step 14layers 90 --shape qwen2.5-7b-14layers --batch 128 --steps 5 --activations auto ;;
    1.5b)
      step 1.5b-128 60 --shape qwen2.5-1.5b --batch 128 --steps 6 --activations auto
      step 1.5b-64 50 --shape qwen2.5-1.5b --batch 64 --steps 6 --activations auto ;;
    bounded) # device memory against depth, every input offloaded; 84 layers take 240 GiB of host memory
      for layers in 8 16 28 56 84; do
        step "bounded-$layers" 110 --shape qwen2.5-7b --layers "$layers" --batch 8 --steps 4 --activations offload --clip 0 --slabs 2 --no-floor
      done ;;
    width) # device memory against the largest unit
      for width in 1 2 3 4 5; do
        step "width-$width" 40 --shape "width-${width}x" --batch 1 --seq 256 --steps 4 --activations offload --no-floor
      done ;;
    largest) # the most parameters with exact masters and fp32 moments in 128 GiB
      step largest 170 --shape qwen2.5-7b --layers "${LAYERS:-40}" --batch 16 --steps 20 --activations recompute --clip 0 --slabs 2 --no-floor ;;
    *) echo "suite.sh: there is no part '$one'" >&2 ;;
  esac
done
