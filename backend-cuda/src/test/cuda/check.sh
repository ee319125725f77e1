#!/bin/sh
# Builds the kernels for the CPU and checks them against plain loops: check.sh FOLDER [FLAG...] [-- NAME...]. Flags go to
# the compiler (-fsanitize=address,undefined -fno-sanitize-recover); names choose checks.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift
flags=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    flags="$flags $1"
    shift
done
[ $# -eq 0 ] || shift
mkdir -p "$folder"
"${CXX:-g++}" -std=c++17 -O2 -g1 -Wall -Wextra -Werror $flags -include "$here/host.h" "$here/fibers_check.cpp" \
    "$here/fibers.cpp" -pthread -o "$folder/fibers_check"
"$folder/fibers_check"
"$here/build.sh" "$folder/kernels.so" $flags
codebooks=$here/../../../../kernel-api/src/main/resources/dev/juggler/kernel/quant/codebooks.bin
"${CXX:-g++}" -DCODEBOOKS="\"$codebooks\"" -std=c++17 -O1 -g1 -Wall -Wextra -Werror $flags "$here"/check*.cpp "$folder/kernels.so" -o "$folder/check" \
    "-Wl,-rpath,$folder"
exec "$folder/check" "$@"
