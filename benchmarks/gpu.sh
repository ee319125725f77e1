#!/usr/bin/env bash
# Tries the CUDA backend on this machine's GPU and measures it, in one call of some minutes:
#
#   benchmarks/gpu.sh [--golden DIR] [--host DIR] [--out FILE] [MODEL.gguf...]
#
#   --golden DIR   the golden data: logits of tiny models are compared with those of independent engines (needs Python and numpy)
#   --host DIR     a folder with the emulated libcuda.so.1 and the kernels' host build, as the tests of backend-cuda leave in
#                  target/cuda-host: everything runs without a GPU then, small and slow
#   --out FILE     where the report goes (target/gpu.md)
#   MODEL.gguf     models to measure beside the built-in one
#
# Environment: JUGGLER, a command that starts Juggler where it was built elsewhere (./juggler of this checkout otherwise); NVCC.
# Where there is nvcc the kernels are compiled for this GPU first. Writes Markdown; exit code 1 if something failed.
set -uo pipefail

home=$(cd "$(dirname "$0")/.." && pwd)
golden="" host="" out=$home/target/gpu.md
models=()
while [ $# -gt 0 ]; do
  case $1 in
    --golden | --host | --out)
      [ $# -ge 2 ] || { echo "gpu.sh: $1 needs a value" >&2; exit 2; }
      declare "${1#--}=$2"
      shift 2
      ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "gpu.sh: unknown option $1, see --help" >&2; exit 2 ;;
    *) [ -e "$1" ] || { echo "gpu.sh: there is no file $1" >&2; exit 2; }; models+=("$(realpath "$1")"); shift ;;
  esac
done
mkdir -p "$(dirname "$out")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
juggler() { timeout "${limit:-120}" ${JUGGLER:-"$home/juggler"} "$@" 2>"$work/err"; }
say() { printf '%s\n' "$*" | tee -a "$out"; }
fail() { failed=1; say "**FAILED** $*"; sed 's/^/    /' "$work/err" | tail -n 5 | tee -a "$out"; }

: >"$out"
say "# CUDA on $(hostname), $(date -u +%F)"
say ""
if [ -n "$host" ]; then
  host=$(realpath "$host")
  export LD_LIBRARY_PATH="$host${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  printf 'emulated' >"$work/kernels"
  export JUGGLER_CUDA_KERNELS=$work/kernels
  say "Emulated: the kernels' host build on the processor. Times say nothing about a GPU."
else
  nvidia-smi --query-gpu=name,memory.total,driver_version,compute_cap --format=csv | tee -a "$out"
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
  if command -v "${NVCC:-nvcc}" >/dev/null && sh "$home/backend-cuda/src/main/cuda/build.sh" "$work" "$capability" >&2; then
    export JUGGLER_CUDA_KERNELS=$work/kernels.fatbin
  fi
fi

say ""
say '```'
juggler plugins | sed -n '/^Backends/,$p' | tee -a "$out"
say '```'
juggler plugins | grep -q '^  cuda  *default' || fail "cuda is not the default backend"

say ""
say "## Answers"
answer() { juggler run --greedy --exact -n 16 -Djuggler.default-backend="$1" "What is the capital of Italy?"; }
on_gpu=$(answer cuda) || fail "run on cuda"
on_cpu=$(answer reference) || fail "run on the reference"
if [ "$on_gpu" = "$on_cpu" ] && [ -n "$on_gpu" ]; then
  say "The built-in model answers the same on cuda and on the reference: $on_gpu"
else
  fail "cuda answers \"$on_gpu\", the reference \"$on_cpu\""
fi

if [ -n "$golden" ]; then
  say ""
  say "## Golden logits, 16 tokens in one step and one by one, exact"
  passed=0 run=0
  names="llama-dense.F32 qwen3moe.Q4_0 qwen3moe-k.Q4_K qwen3moe-k.Q6_K qwen3moe-k.IQ2_XS gpt-oss.F32 glm4moe.F32 deepseek2-v3-groups.F32"
  [ -z "$host" ] || names="llama-dense.F32 qwen3moe-k.Q4_K"
  for name in $names; do
    for steps in 16 1; do
      run=$((run + 1))
      if juggler logits "$golden/models/$name.gguf" --exact -Djuggler.default-backend=cuda --steps "$steps" \
          --ids "$golden/logits/sequences.json" --sequence seq16 --out "$work/logits.f32" >/dev/null \
        && python3 "$golden/tools/compare_logits.py" "$golden/logits" "$name" seq16 "$work/logits.f32" --class f32 \
          >"$work/err" 2>&1; then
        passed=$((passed + 1))
      else
        fail "$name, $steps tokens a step"
      fi
    done
  done
  say "$run cases, $passed passed."
fi

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
if [ -z "$host" ] && [ -n "$sanitizer" ]; then
  say ""
  say "## compute-sanitizer, one short answer"
  for tool in memcheck racecheck; do
    JUGGLER="$sanitizer --tool $tool --error-exitcode 9 --target-processes all ${JUGGLER:-$home/juggler}" limit=150 \
      juggler run --greedy -n 2 hello >"$work/sanitizer" || fail "$tool"
    say "$tool: $(grep -h 'SUMMARY' "$work/sanitizer" "$work/err" | tail -n 1)"
  done
fi

say ""
say "## Speed"
say "Measured, and what \`juggler plan\` predicts for this machine."
tests=(-p 512 -n 64 -r 3)
[ -z "$host" ] || tests=(-p 8 -n 4 -r 1)
for model in juggler-demo-moe "${models[@]}"; do
  say ""
  say "### $(basename "$model")"
  limit=240 juggler bench "$model" "${tests[@]}" | tee -a "$out"
  [ "${PIPESTATUS[0]}" -eq 0 ] || fail "bench $model"
  juggler plan "$model" --json | tr -d '\n ' | sed -n 's/.*"prediction":\({[^}]*}\).*/Predicted: `\1`\n/p' | tee -a "$out"
done
say ""
[ "$failed" -eq 0 ] && say "Nothing failed." || say "Something failed, see above."
exit "$failed"
