#!/bin/sh
# One model on the GPUs of this machine, or of several: run the same line on each, with MASTER_ADDR naming the first.
#   NODES=2 MASTER_ADDR=node0 NODE=0 examples/deploy/torchrun.sh run.yaml       # on node0
#   NODES=2 MASTER_ADDR=node0 NODE=1 examples/deploy/torchrun.sh run.yaml       # on the other
# torchrun starts the ranks, and all of them again when one has failed (--max_restarts): --resume goes on from the last checkpoint that all ranks wrote.
# On one machine without torchrun: horizon train run.yaml --gpus N
set -eu
exec torchrun --no_python --nproc_per_node "${GPUS:-gpu}" --nnodes "${NODES:-1}" --node_rank "${NODE:-0}" \
  --master_addr "${MASTER_ADDR:-localhost}" --master_port "${MASTER_PORT:-29500}" --max_restarts "${RESTARTS:-3}" \
  horizon train "${1:?the configuration}" --resume --set device=cuda
