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
# Where there is nvcc the kernels are compiled for this GPU first. Writes Markdown; exit code 1 if something failed. What has not
# been begun after 500 seconds (BUDGET) is left out and named.
#
# A machine without JDK, Maven and network: on one that has them, in a checkout that is built (./juggler plugins),
#   jlink --add-modules java.base,jdk.incubator.vector,jdk.unsupported,java.logging,java.xml,java.management,java.naming,java.sql,\
# jdk.jfr,java.net.http,jdk.management --strip-debug --no-header-files --no-man-pages --compress zip-9 --output launcher/target/jdk
#   sh backend-cuda/src/main/cuda/build.sh kernels "90"     (where there is nvcc and none at the GPU; compute capability)
#   tar czf gpu.tgz juggler launcher/target/jdk launcher/target/dist plugins benchmarks/gpu.sh backend-cuda/src/main/cuda kernels
# and there, in the unpacked folder:
#   export JAVA_HOME=$PWD/launcher/target/jdk JUGGLER_NO_BUILD=1 JUGGLER_CUDA_KERNELS=$PWD/kernels/kernels.fatbin
#   benchmarks/gpu.sh
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
begin=$(date +%s)
# Whether there is time for more; says what is left out otherwise.
in_time() {
  [ $(($(date +%s) - begin)) -lt "${BUDGET:-500}" ] && return 0
  say ""
  say "Left out, the time is over: $1."
  return 1
}
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

say ""
say "## Conformance"
say "Every operation in every type, against the reference: exact, and as users run it."
say '```'
only=""
[ -z "$host" ] || only="Q4_K"
for mode in "" --rounded; do
  if in_time "conformance $mode"; then
    # shellcheck disable=SC2086 # none or one option
    limit=200 juggler tck --backend cuda $mode --only "$only" --seed 1 | tee -a "$out"
    [ "${PIPESTATUS[0]}" -eq 0 ] || fail "conformance $mode"
  fi
done
say '```'

if [ -n "$golden" ]; then
  say ""
  say "## Golden logits of 16 tokens, exact: in one step, and one by one, where there are experts with these on the processor"
  passed=0 run=0
  names="llama-dense.F32 qwen2.F32 qwen3.F32 mixtral.F32 qwen2moe.F32 qwen3moe.F32 olmoe.F32 glm4moe.F32 gpt-oss.F32 deepseek2-v2.F32"
  names+=" deepseek2-v2lite.F32 deepseek2-v3-groups.F32 qwen3moe.Q4_0 qwen3moe-k.Q4_K qwen3moe-k.Q6_K qwen3moe-k.IQ2_XS"
  [ -z "$host" ] || names="llama-dense.F32 qwen3moe-k.Q4_K"
  # logits NAME STEPS RULES: one model on the GPU, but for what the rules say
  logits() {
    local name=$1
    in_time "golden logits of $name, $2 tokens a step" || return 0
    run=$((run + 1))
    printf 'juggler.models.golden { path = "%s", placement { default = "cuda:0", rules = [%s] } }\n' \
      "$golden/models/$name.gguf" "$3" >"$work/golden.conf"
    if juggler logits golden --config "$work/golden.conf" --exact --steps "$2" \
        --ids "$golden/logits/sequences.json" --sequence seq16 --out "$work/logits.f32" >/dev/null \
      && python3 "$golden/tools/compare_logits.py" "$golden/logits" "$name" seq16 "$work/logits.f32" --class f32 \
        >"$work/err" 2>&1; then
      passed=$((passed + 1))
    else
      fail "$name, $2 tokens a step"
    fi
  }
  for name in $names; do
    logits "$name" 16 ""
    case $name in
      *moe* | mixtral* | deepseek2* | gpt-oss*) logits "$name" 1 "{ match { role = experts }, device = cpu, required = true }" ;;
      *) logits "$name" 1 "" ;;
    esac
  done
  say "$run cases, $passed passed."
fi

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
if [ -z "$host" ] && [ -n "$sanitizer" ]; then
  say ""
  say "## compute-sanitizer, small cases of the conformance kit"
  for tool in memcheck racecheck; do
    for cases in "Q4_K [" "attention F16, rows [7]" "experts Q4_0"; do
      in_time "$tool, $cases" || continue
      JUGGLER="$sanitizer --tool $tool --error-exitcode 9 --target-processes all ${JUGGLER:-$home/juggler}" limit=60 \
        juggler tck --backend cuda --rounded --only "$cases" --seed 1 >"$work/sanitizer" || fail "$tool, $cases"
      say "$tool, $cases: $(grep -h ' cases run' "$work/sanitizer" | tail -n 1); $(grep -h 'SUMMARY' "$work/sanitizer" "$work/err" | tail -n 1)"
    done
  done
fi

say ""
say "## Kernels"
say "One row: weights read, as a share of what copying in the device's memory reaches. Many rows: own kernels, then those of cuBLAS"
say "(with Q4_K the weight is taken apart to F16 first)."
say '```'
shape=(--size 4096x14336)
[ -z "$host" ] || shape=(--size 256x512 --rows 64)
in_time "kernels" && { limit=150 juggler tck --backend cuda --speed "${shape[@]}" -Djuggler.backend.cuda.gemm=own | tee "$work/own" | tee -a "$out"
  [ "${PIPESTATUS[0]}" -eq 0 ] || fail "speed of the kernels"; }
if in_time "cuBLAS" && limit=150 juggler tck --backend cuda --speed "${shape[@]}" -Djuggler.backend.cuda.gemm=cublas >"$work/cublas"; then
  grep ' rows, ' "$work/cublas" | sed 's/$/  cuBLAS/' | tee -a "$out"
  say '```'
  for type in Q4_K F16; do
    # the time before "us" in both reports
    share=$(awk -v type="$type," '$1 == type && / rows, / { for (i = 2; i <= NF; i++) if ($i == "us") print $(i - 1) }' \
      "$work/own" "$work/cublas" | awk 'NR == 1 { own = $1 } NR == 2 { printf "%.0f %%", 100 * $1 / own }')
    say "- $type: own kernels reach $share of cuBLAS."
  done
else
  say '```'
  say "cuBLAS: $(tail -n 1 "$work/err")"
fi

say ""
say "## Speed"
say "Measured, and what \`juggler plan\` predicts for this machine: all on the GPU, all on the processor, experts on the processor and all"
say "else on the GPU, and the same where prompts bring the experts over."
tests=(-p 512 -n 64 -r 3)
[ -z "$host" ] || tests=(-p 8 -n 4 -r 1)
# measure FILE NAME PLACEMENT: one model in one placement
measure() {
  local file=$1 name=$2 placement=$3
  in_time "$(basename "$file"), $name" || return 0
  printf 'juggler.models.measured { path = "%s", placement { %s } }\n' "$file" "$placement" >"$work/measured.conf"
  say ""
  say "### $(basename "$file"), $name"
  limit=150 juggler bench measured --config "$work/measured.conf" "${tests[@]}" | tee -a "$out"
  [ "${PIPESTATUS[0]}" -eq 0 ] || fail "bench $file, $name"
  juggler plan measured --config "$work/measured.conf" --json | tr -d '\n ' |
    sed -n 's/.*"prediction":\({[^}]*}\).*/Predicted: `\1`\n/p' | tee -a "$out"
}
for model in "$home"/launcher/target/dist/models/*.gguf "${models[@]}"; do
  experts='match { role = experts }, device = cpu'
  measure "$model" "placed automatically" 'default = auto'
  measure "$model" "all on the GPU" 'default = "cuda:0"'
  measure "$model" "all on the processor" 'default = cpu'
  measure "$model" "experts on the processor" "default = \"cuda:0\", rules = [{ $experts }]"
  measure "$model" "experts come over for prompts" \
    "default = \"cuda:0\", rules = [{ $experts, prefill { device = \"cuda:0\", when-rows = 4 } }]"
done
say ""
say "$(($(date +%s) - begin)) seconds."
[ "$failed" -eq 0 ] && say "Nothing failed." || say "Something failed, see above."
exit "$failed"
