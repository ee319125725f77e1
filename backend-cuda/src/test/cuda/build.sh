#!/bin/sh
# Compiles the kernels for the CPU: build.sh OUT.so [FLAG...]. CXX names the compiler (g++), e.g. with
# -fsanitize=address,undefined as a flag. Object files go beside OUT.so; the two sources compile side by side.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
compiler=${CXX:-g++}
# The compiler that runs here makes code for here: half precision in hardware is worth much.
native=$("$compiler" -march=native -E -x c++ /dev/null >/dev/null 2>&1 && echo -march=native || echo)
flags="-std=c++17 -O2 $native -g1 -fPIC -Wall -Wextra -Werror -fno-exceptions -fvisibility=hidden"
"$compiler" $flags "$@" -c "$here/fibers.cpp" -o "$out.fibers.o" &
fibers=$!
# #pragma unroll is nvcc's; and nvcc lets memory be read as another type than it was written.
"$compiler" $flags -Wno-unknown-pragmas -fno-strict-aliasing "$@" -include "$here/host.h" -x c++ \
    -c "$here/../../main/cuda/all.cu" -o "$out.kernels.o"
wait "$fibers"
"$compiler" $flags "$@" -shared -pthread -o "$out" "$out.fibers.o" "$out.kernels.o"
