#!/bin/sh
# Compiles the AVX-512 and the tile kernels on plain C, compares the former with those for AVX2 and the latter with sums
# in double: run.sh FOLDER
# Exit status 0: they agree; 1: they do not, or do not compile; 77: there is no C compiler or no AVX2 here.
set -u
here=$(cd "$(dirname "$0")" && pwd)
sources=$here/../../main/c
target=$1
compiler=${CC:-$(command -v cc || command -v gcc || command -v clang || true)}
[ -n "$compiler" ] || { echo "no C compiler"; exit 77; }
grep -qw avx2 /proc/cpuinfo 2>/dev/null || { echo "no AVX2"; exit 77; }
mkdir -p "$target" || exit 1
flags="-std=c11 -O1 -ffp-contract=off -fno-math-errno -mavx2 -mfma -mf16c -I$sources"
running=""
for file in product activations attention; do
    # shellcheck disable=SC2086
    "$compiler" $flags -DVARIANT=avx2 -c "$sources/$file.c" -o "$target/$file-avx2.o" &
    running="$running $!"
    # shellcheck disable=SC2086
    "$compiler" $flags -include "$here/avx512_in_plain_c.h" -DVARIANT=avx512 -c "$sources/$file.c" \
        -o "$target/$file-avx512.o" &
    running="$running $!"
done
# shellcheck disable=SC2086
"$compiler" $flags -include "$here/amx_in_plain_c.h" -DVARIANT=amx -c "$sources/tiles.c" -o "$target/tiles-amx.o" &
running="$running $!"
for process in $running; do
    wait "$process" || exit 1
done
for program in agreement tile_products; do
    # shellcheck disable=SC2086
    "$compiler" $flags "$here/$program.c" "$target"/*.o -lm -o "$target/$program" || exit 1
    "$target/$program" || exit 1
done
