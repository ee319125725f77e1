#!/usr/bin/env bash
# Measures Juggler on this machine's CPU, beside llama.cpp where a folder with it is given:
#
#   benchmarks/cpu.sh [--peer DIR] [--models DIR] [--threads N] [--rounds N] [MODEL.gguf...]
#
#   --peer DIR     a folder in which `npm install --ignore-scripts node-llama-cpp@3.22.1` was run
#   --models DIR   where the benchmark models lie (target/benchmark-models); those that are missing are made by
#                  synth_gguf.py if SYNTH names it and TOKENIZERS the folder of vocabularies, and left out otherwise
#   --threads N    of both engines (the cores)
#   --rounds N     how often the engines take turns on each file; medians are printed (5)
#   MODEL.gguf     files to measure instead of the benchmark models: only the first table then
#
# Prints Markdown. Nothing else should run meanwhile; takes about half an hour with the benchmark models.
set -euo pipefail

home=$(cd "$(dirname "$0")/.." && pwd)
peer="" models=$home/target/benchmark-models threads=$(getconf _NPROCESSORS_ONLN) rounds=5
synth=${SYNTH:-$home/../shared/golden/tools/synth_gguf.py}
tokenizers=${TOKENIZERS:-$home/../shared/golden/tokenizers}
files=()
while [ $# -gt 0 ]; do
  case $1 in
    --peer | --models | --threads | --rounds)
      [ $# -ge 2 ] || { echo "cpu.sh: $1 needs a value" >&2; exit 2; }
      declare "${1#--}=$2"
      shift 2
      ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "cpu.sh: unknown option $1, see --help" >&2; exit 2 ;;
    *) [ -e "$1" ] || { echo "cpu.sh: there is no file $1" >&2; exit 2; }; files+=("$(realpath "$1")"); shift ;;
  esac
done
if [ -n "$peer" ] && [ ! -d "$peer/node_modules/node-llama-cpp" ]; then
  echo "cpu.sh: there is no node_modules/node-llama-cpp in $peer: run npm install --ignore-scripts node-llama-cpp@3.22.1 there" >&2
  exit 2
fi

juggler() { "$home/juggler" "$@"; }

# model NAME PRESET TYPE VOCABULARY [OPTION...]: the path of a benchmark model, made if need be; nothing if it cannot be.
model() {
  local file=$models/$1.gguf
  if [ ! -e "$file" ] && [ -e "$synth" ] && [ -e "$tokenizers/$4" ]; then
    mkdir -p "$models"
    python3 "$synth" --preset "$2" --type "$3" --blocks --vocab-from "$tokenizers/$4" --out "$file.part" "${@:5}" >&2
    mv "$file.part" "$file"
  fi
  if [ -e "$file" ]; then echo "$file"; else echo "cpu.sh: $file is missing, left out" >&2; fi
}

median() { sort -g | awk '{v[NR] = $1} END {if (NR) printf "%.4g\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'; }

# rates FILE OPTION...: lines "TEST TOKENS_PER_SECOND".
rates() {
  juggler bench "$1" --threads "$threads" --output csv "${@:2}" 2>/dev/null | tr -d '"' | awk -F, 'NR > 1 {print $2, $3}'
}

peer_rates() {
  (cd "$peer" && node "$home/benchmarks/llamacpp-peer.mjs" "$1" "$threads" 512 64 1 2>/dev/null) \
    | awk '/^llama.cpp/ {print $2, $3; print $4, $5}'
}

ratio() { if [ -n "$2" ]; then awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; fi; }

# turns LABEL FILE OPTION...: both engines in turn, a table row.
turns() {
  local label=$1 file=$2 own other own_pp own_tg other_pp="" other_tg=""
  [ -n "$file" ] || return 0
  own=$(mktemp) other=$(mktemp)
  for ((i = 0; i < rounds; i++)); do
    rates "$file" --pp 512 --tg 64 --repetitions 1 "${@:3}" >>"$own"
    if [ -n "$peer" ] && ! peer_rates "$file" >>"$other"; then
      echo "cpu.sh: llama.cpp fails on $file; see node benchmarks/llamacpp-peer.mjs $file $threads 512 64 1" >&2
    fi
  done
  own_pp=$(awk '/^pp/ {print $2}' "$own" | median) own_tg=$(awk '/^tg/ {print $2}' "$own" | median)
  if [ -n "$peer" ]; then
    other_pp=$(awk '/^pp/ {print $2}' "$other" | median) other_tg=$(awk '/^tg/ {print $2}' "$other" | median)
  fi
  echo "| $label | $own_pp | $other_pp | $(ratio "$own_pp" "$other_pp") | $own_tg | $other_tg | $(ratio "$own_tg" "$other_tg") |"
  rm -f "$own" "$other"
}

table() {
  echo
  echo "| file | pp512 | llama.cpp | ratio | tg64 | llama.cpp | ratio |"
  echo "|---|---|---|---|---|---|---|"
}

# roof FILE: what a token's reading takes of the memory's bandwidth, which is measured beside it each time.
roof() {
  local measured=""
  [ -n "$1" ] || return 0
  measured=$(mktemp)
  for ((i = 0; i < rounds; i++)); do
    juggler bench "$1" --threads "$threads" --pp 0 --tg 64 --repetitions 1 --profile 2>/dev/null \
      | awk '/memory reads/ {for (i = 1; i < NF; i++) if ($i == "reads") roof = $(i + 1)}
          $1 == "sampling" {time = -$2} $1 == "all" {print $5, $5 / ($2 + time), roof}' >>"$measured"
  done
  awk '{print $1}' "$measured" | median >"$measured.bytes"
  awk '{print $2}' "$measured" | median >"$measured.rate"
  awk '{print $3}' "$measured" | median >"$measured.roof"
  awk '{print 100 * $2 / $3}' "$measured" | median >"$measured.share"
  paste "$measured.bytes" "$measured.rate" "$measured.roof" "$measured.share" \
    | awk -v file="$(basename "$1" .gguf)" '{printf "| %s | %s | %.1f | %.1f | %.0f %% |\n", file, $1, $2, $3, $4}'
  rm -f "$measured" "$measured".*
}

echo "Machine: $(nproc) cores, $(awk -F': *' '/model name/ {print $2; exit}' /proc/cpuinfo), $threads threads, $rounds rounds, $(date +%F)."
juggler --version >/dev/null # builds, if need be

if [ ${#files[@]} -gt 0 ]; then
  table
  for file in "${files[@]}"; do turns "$(basename "$file" .gguf)" "$file"; done
  exit 0
fi

mixture=$(model qwen3-30b-a3b-8l.Q4_K_M qwen3-30b-a3b Q4_K_M qwen3.gguf --layers 8)
table
turns "qwen3-30b-a3b, 8 layers, Q4_K_M" "$mixture"
for type in Q8_0 Q4_0 Q4_K_M; do
  turns "llama-1b $type" "$(model llama-1b.$type llama-1b $type llama3.gguf)"
done
turns "deepseek-v2-lite, 4 layers, Q4_K_M" \
  "$(model deepseek-v2-lite-4l.Q4_K_M deepseek-v2-lite Q4_K_M deepseek-llm.gguf --layers 4 --vocab 102400 --pre deepseek-llm --q-lora-key-zero)"
turns "qwen3-30b-a3b, Vector API only" "$mixture" -Djuggler.backend.cpu-simd.kernels=vector

echo
echo "| decode | MB a token | GB/s | memory, GB/s | share |"
echo "|---|---|---|---|---|"
for type in Q8_0 Q6_K Q4_0; do
  roof "$(model qwen3-30b-a3b-8l.$type qwen3-30b-a3b $type qwen3.gguf --layers 8)"
done
roof "$mixture"

[ -n "$mixture" ] || exit 0
echo
echo "| qwen3-30b-a3b, 8 layers, Q4_K_M | tokens/s |"
echo "|---|---|"
for options in "--pp 0 --tg 64 --parallel 1,4" "--pp 512,8192 --tg 0"; do
  measured=$(mktemp)
  for ((i = 0; i < rounds; i++)); do
    # shellcheck disable=SC2086 # several options
    rates "$mixture" $options --repetitions 1 >>"$measured"
  done
  for test in $(awk '!seen[$1]++ {print $1}' "$measured"); do
    echo "| $test | $(awk -v test="$test" '$1 == test {print $2}' "$measured" | median) |"
  done
  rm -f "$measured"
done

echo
# starts PROMPT_OPTION...: seconds from the start of the script to the first output and to the end of the process.
starts() {
  local measured start
  measured=$(mktemp)
  for ((i = 0; i < rounds; i++)); do
    start=$(date +%s.%N)
    juggler run -m "$mixture" --max-tokens 1 "$@" 2>/dev/null | { head -c 1 >/dev/null; date +%s.%N; cat >/dev/null; } >"$measured.now"
    awk -v a="$start" -v b="$(date +%s.%N)" '{print $1 - a, b - a}' "$measured.now" >>"$measured"
  done
  echo "$(awk '{print $1}' "$measured" | median) s to the first token, $(awk '{print $2}' "$measured" | median) s to the end"
  rm -f "$measured" "$measured.now"
}
echo "Start, one token: $(starts --ids 42)."
echo "Start, \"Hello\" in the model's template: $(starts Hello)."
juggler bench "$mixture" --threads "$threads" --pp 4096 --tg 16 --repetitions 1 2>&1 >/dev/null | sed -n 's/^loaded in/Context of 4096: loaded in/p'
