#!/bin/sh
# Compiles the AVX-512 and the tile kernels on plain C, compares the former with those for AVX2 and the latter with sums
# in double: run.sh FOLDER
# Exit status 0: they agree; 1: they do not, or do not compile; 77: there is no C compiler or no AVX2 here.
set -u
here=$(cd "$(dirname "$0")" && pwd)
target=$1
compiler=${CC:-$(command -v cc || command -v gcc || command -v clang || true)}
[ -n "$compiler" ] || { echo "no C compiler"; exit 77; }
grep -qw avx2 /proc/cpuinfo 2>/dev/null || { echo "no AVX2"; exit 77; }
mkdir -p "$target" || exit 1
. "$here/compile.sh"

x86="-mavx2 -mfma -mf16c"
compile_kernels avx2 "$x86"
compile_kernels avx512 "$x86 -include $here/avx512_in_plain_c.h"
compile tiles amx "$x86 -include $here/amx_in_plain_c.h"
compile tiles_of_halves amx "$x86 -include $here/amx_in_plain_c.h"
compile tiled_attention amx "$x86 -include $here/amx_in_plain_c.h"
wait_for_all
for program in agreement tile_products; do
    # shellcheck disable=SC2086 # flags are several words
    "$compiler" $flags $x86 -DFIRST=kernels_avx2 -DSECOND=kernels_avx512 -DTILED=tiled_attention_amx "$here/$program.c" "$target"/*.o -lm \
        -o "$target/$program" || exit 1
    "$target/$program" || exit 1
done
