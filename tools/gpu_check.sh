#!/usr/bin/env bash
# Check and measure the learner on a machine with a GPU, in under eight minutes.
#
#   tools/gpu_check.sh [WHEELS] [RESULTS]
#
# WHEELS is a folder of wheels (mujoco, mujoco-core, mujoco-studio, gymnasium, glfw, pyopengl,
# farama-notifications, pytest) for a machine without a network; without it, pip downloads them.
# PyTorch with CUDA, h5py and safetensors are taken from the Python that runs this. RESULTS is a
# folder, by default gpu_check; each step writes its own file there as soon as it ends.
set -uo pipefail
cd "$(dirname "$0")/.."
wheels=${1:-}
results=${2:-gpu_check}
python=${PYTHON:-python3}
mkdir -p "$results"
began=$SECONDS

environment="$results/venv"
"$python" -m venv --system-site-packages "$environment" || exit 1
source=()
[ -n "$wheels" ] && source=(--no-index --find-links "$wheels")
"$environment/bin/pip" install --quiet "${source[@]}" \
    mujoco gymnasium h5py safetensors tqdm tensorboard pytest || exit 1
export PYTHONPATH="$PWD"
run="$environment/bin/python"
"$run" - <<'PYTHON' | tee "$results/device.txt" || exit 1
import torch
assert torch.cuda.is_available(), "PyTorch finds no GPU"
print(torch.cuda.get_device_name(), torch.__version__, "CUDA", torch.version.cuda)
PYTHON

# step NAME LIMIT COMMAND...: a failed or late step does not stop those after it.
step() {
    local name=$1 limit=$2
    shift 2
    echo "== $name"
    timeout "$limit" "$@" 2>&1 | tee "$results/$name.txt"
    echo "status ${PIPESTATUS[0]}, $((SECONDS - began)) s since the start" | tee -a "$results/$name.txt"
}

step tests 120 "$run" -m pytest -q -p no:cacheprovider --noconftest tests/gpu
step graphs 60 "$run" -m tools.learner_speed --device cuda --former "" --rounds 5 \
    --trainings 1 --variants no-graph eager
step updates 100 "$run" -m tools.learner_speed --device cuda --former "" --rounds 5 \
    --trainings 1 8 32 64
step ant_goal 200 "$run" -m tools.learner_speed --device cuda --whole 32
step half_cheetah 240 "$run" -m tools.learner_speed --device cuda --whole 16 \
    --family SmileHalfCheetahVelocity-v0
echo "all steps took $((SECONDS - began)) s; the results are in $results"
