#!/bin/sh
# Compiles the kernels with nvcc: build.sh FOLDER [ARCHITECTURES]
# ARCHITECTURES: numbers of compute capabilities ("75 80 90", the default), or native for those of the GPUs here.
# Writes FOLDER/kernels.fatbin, or FOLDER/absent.txt with one line that says why there is none: then NVRTC compiles the sources on
# first use. Nothing is compiled again while sources, compiler and architectures are the same. Fails only where nvcc refuses the
# sources.
#   NVCC    the compiler; nvcc on the path or in /usr/local/cuda/bin otherwise
set -u
sources=$(cd "$(dirname "$0")" && pwd)
target=$1
wanted=${2:-75 80 90}
mkdir -p "$target" || exit 0
target=$(cd "$target" && pwd)

absent() {
    rm -f "$target/kernels.fatbin" "$target/stamp"
    printf '%s\n' "$1" >"$target/absent.txt"
    printf 'CUDA kernels: none (%s)\n' "$1"
    exit "${2:-0}"
}

compiler=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
version=$("$compiler" --version 2>/dev/null | tail -n 1)
content=$(cat "$sources"/*.cu "$sources"/*.cuh "$0" | cksum)
if [ "$wanted" = native ]; then
    # What was built for more is good for this machine, too.
    if [ -e "$target/kernels.fatbin" ] && [ "$(head -n 1 "$target/stamp" 2>/dev/null)" = "$content" ]; then
        exit 0
    fi
    wanted=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d . | sort -nu | tr '\n' ' ')
    [ -n "$wanted" ] || absent "no GPU at build time"
fi
[ -n "$version" ] || absent "no nvcc at build time"
stamp=$(printf '%s\n%s\n%s' "$content" "$version" "$wanted")
if [ -e "$target/kernels.fatbin" ] && [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

codes=""
last=""
for architecture in $wanted; do
    codes="$codes -gencode arch=compute_$architecture,code=sm_$architecture"
    last=$architecture
done
# PTX of the newest is what GPUs that are newer still compile for themselves.
codes="$codes -gencode arch=compute_$last,code=compute_$last"
work=$(mktemp -d) || absent "no temporary folder"
trap 'rm -rf "$work"' EXIT
printf 'CUDA kernels: compiling for %s (some minutes, only when they change)\n' "$wanted"
# shellcheck disable=SC2086 # several options
if ! "$compiler" -std=c++17 -O3 -Werror all-warnings -fatbin --threads 0 $codes -o "$work/kernels.fatbin" \
    "$sources/all.cu" >"$work/log" 2>&1; then
    cat "$work/log"
    absent "nvcc could not compile them: $(grep -m 1 error "$work/log" || echo see the build)" 1
fi
rm -f "$target/absent.txt"
mv "$work/kernels.fatbin" "$target/kernels.fatbin"
printf '%s' "$stamp" >"$target/stamp"
printf 'CUDA kernels: %s\n' "$target/kernels.fatbin"
