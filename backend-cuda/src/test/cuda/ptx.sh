#!/bin/sh
# Compiles the kernels with nvcc to PTX for every architecture that is supported: ptx.sh FOLDER. Prints "nvcc: ..." and exits 0
# where all is well or there is no nvcc; fails where it refuses the sources or warns. What has not changed since is not compiled
# again.
#   NVCC    the compiler; nvcc on the path or in /usr/local/cuda/bin otherwise
set -u
sources=$(cd "$(dirname "$0")/../../main/cuda" && pwd)
target=$1
mkdir -p "$target"
compiler=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
version=$("$compiler" --version 2>/dev/null | tail -n 1)
if [ -z "$version" ]; then
    echo "nvcc: skipped, there is none"
    exit 0
fi
content=$(cat "$sources"/*.cu "$sources"/*.cuh "$0" | cksum)
for architecture in 75 80 90; do
    ptx=$target/kernels-$architecture.ptx
    stamp=$(printf '%s\n%s' "$content" "$version")
    if [ -s "$ptx" ] && [ "$(cat "$ptx.stamp" 2>/dev/null)" = "$stamp" ]; then
        echo "nvcc: sm_$architecture is as it was"
        continue
    fi
    rm -f "$ptx.stamp"
    "$compiler" -std=c++17 -Werror all-warnings -ptx -arch="sm_$architecture" -o "$ptx" "$sources/all.cu" || exit 1
    echo "nvcc: sm_$architecture compiled, $(grep -c '\.entry' "$ptx") kernels"
    printf '%s' "$stamp" >"$ptx.stamp"
done
