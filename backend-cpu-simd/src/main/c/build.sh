#!/bin/sh
# Compiles the native kernels into one shared library: build.sh FOLDER
# Writes FOLDER/libjuggler-kernels.so (.dylib), or FOLDER/absent.txt with one line that says why there is none. Nothing is
# compiled again while sources, compiler and flags are the same. Never fails: without a library the Vector API serves.
#   CC              the compiler, which may be one for another machine; the first of cc, gcc, clang otherwise
#   JUGGLER_CFLAGS  more flags for it
#   JUGGLER_OBJECTS a folder that keeps what was compiled, for tests to link
set -u
sources=$(cd "$(dirname "$0")" && pwd)
target=$1
mkdir -p "$target" || exit 0
target=$(cd "$target" && pwd)

absent() {
    rm -f "$target"/libjuggler-kernels.* "$target/stamp"
    printf '%s\n' "$1" >"$target/absent.txt"
    printf 'native kernels: none (%s); the Vector API serves\n' "$1"
    exit 0
}

compiler=${CC:-}
for candidate in cc gcc clang; do
    [ -n "$compiler" ] || compiler=$(command -v "$candidate" || true)
done
[ -n "$compiler" ] || absent "no C compiler at build time"

# Warnings are for the tests to fail on: a compiler that has new ones must not cost anybody the kernels.
flags="-std=c11 -O3 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -Wall -Wextra ${JUGGLER_CFLAGS:-}"
avx2="-mavx2 -mfma -mf16c -mbmi2"
avx512="$avx2 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni"
amx="$avx512 -mavx512bf16 -mamx-tile -mamx-bf16 -mamx-int8"
neon="-march=armv8-a"
dotprod="-march=armv8.2-a+dotprod"
machine=$("$compiler" -dumpmachine 2>/dev/null || uname -ms)
case $machine in
*darwin* | *Darwin* | *apple*) library=$target/libjuggler-kernels.dylib ;;
*) library=$target/libjuggler-kernels.so ;;
esac
case $machine in
*x86_64* | *amd64*) variants="avx2 avx512 amx" ;;
*aarch64* | *arm64*) variants="neon dotprod" ;;
*) absent "no native kernels for $machine" ;;
esac

stamp=$(cat "$sources"/* | cksum; "$compiler" --version 2>&1 | head -n 1; echo "$flags")
if [ -e "$library" ] && [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

work=$(mktemp -d) || absent "no temporary folder"
trap 'rm -rf "$work"' EXIT
known=""
jobs=""
# What takes longest comes first, so that no processor is left with it alone in the end.
for file in products_of_256 products_of_32 products_unpacked tiles tiles_of_halves tiled_attention products_of_floats product rounded_attention attention loops activations; do
    for variant in $variants; do
        case $file:$variant in
        tile*:amx) ;;
        tile*:* | *:amx) continue ;; # the rest of AMX is AVX-512's
        esac
        jobs="$jobs $file:$variant"
    done
done
for variant in $variants; do
    eval "options=\$$variant"
    # A compiler that is too old for an instruction set leaves it out.
    # shellcheck disable=SC2086 # flags are several words
    if echo 'int f(void);int f(void){return 0;}' | "$compiler" $flags $options -x c -c - -o "$work/try.o" 2>/dev/null; then
        known="$known -DJUGGLER_$(echo "$variant" | tr a-z A-Z)"
    else
        jobs=$(printf '%s\n' $jobs | grep -v ":$variant\$")
    fi
done
rm -f "$work/try.o"
[ -n "$known" ] || absent "$compiler knows none of: $variants"

processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null || echo 2)
printf 'native kernels: compiling with %s on %s processors\n' "$compiler" "$processors"
export compiler flags sources work avx2 avx512 amx neon dotprod known
# shellcheck disable=SC2016,SC2086 # expanded by the shells that compile
if ! printf '%s\n' $jobs library: | xargs -P "$processors" -I JOB sh -c '
        file=${1%:*} variant=${1#*:} options=$known
        [ -z "$variant" ] || eval "options=\"\$$variant -DVARIANT=$variant\""
        "$compiler" $flags $options -c "$sources/$file.c" -o "$work/$file${variant:+-$variant}.o"
    ' compile JOB 2>"$work/log" || ! "$compiler" -shared $flags "$work"/*.o -o "$work/library" 2>>"$work/log"; then
    cat "$work/log"
    absent "$compiler could not compile them: $(grep -m 1 error "$work/log" || echo see above)"
fi
cat "$work/log"
[ -z "${JUGGLER_OBJECTS:-}" ] || cp "$work"/*.o "$JUGGLER_OBJECTS"
rm -f "$target/absent.txt"
mv "$work/library" "$library"
printf '%s' "$stamp" >"$target/stamp"
printf 'native kernels: %s\n' "$library"
