#!/bin/sh
# Compiles the native kernels into one shared library: build.sh FOLDER
# Writes FOLDER/libjuggler-kernels.so (.dylib), or FOLDER/absent.txt with one line that says why there is none. Nothing is
# compiled again while sources, compiler and flags are the same. Never fails: without a library the Vector API serves.
#   CC      the compiler; the first of cc, gcc, clang otherwise
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

flags="-std=c11 -O3 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror ${JUGGLER_CFLAGS:-}"
avx2="-mavx2 -mfma -mf16c -mbmi2"
avx512="$avx2 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni"
amx="$avx512 -mavx512bf16 -mamx-tile -mamx-bf16 -mamx-int8"
case $(uname -s) in
Darwin) library=$target/libjuggler-kernels.dylib ;;
*) library=$target/libjuggler-kernels.so ;;
esac
case $(uname -m) in
x86_64 | amd64) variants="avx2 avx512 amx" ;;
*) absent "no native kernels for $(uname -m)" ;;
esac

stamp=$(cat "$sources"/* | cksum; "$compiler" --version 2>&1 | head -n 1; echo "$flags")
if [ -e "$library" ] && [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

work=$(mktemp -d) || absent "no temporary folder"
trap 'rm -rf "$work"' EXIT
printf 'native kernels: compiling with %s\n' "$compiler"
known=""
running=""
for variant in $variants; do
    eval "options=\$$variant"
    # A compiler that is too old for an instruction set leaves it out.
    # shellcheck disable=SC2086 # flags are several words
    if echo 'int f(void);int f(void){return 0;}' | "$compiler" $flags $options -x c -c - -o "$work/try.o" 2>/dev/null; then
        known="$known -DJUGGLER_$(echo "$variant" | tr a-z A-Z)"
        files="product activations attention"
        [ "$variant" != amx ] || files=tiles # the rest is AVX-512's
        for file in $files; do
            "$compiler" $flags $options -DVARIANT="$variant" -c "$sources/$file.c" -o "$work/$file-$variant.o" \
                2>>"$work/log" &
            running="$running $!"
        done
    fi
done
[ -n "$known" ] || absent "$compiler knows none of: $variants"
# shellcheck disable=SC2086
"$compiler" $flags $known -c "$sources/library.c" -o "$work/library.o" 2>>"$work/log" &
running="$running $!"
failed=""
for process in $running; do
    wait "$process" || failed=yes
done
# shellcheck disable=SC2086
if [ -n "$failed" ] || ! "$compiler" -shared $flags "$work"/*.o -o "$work/library" 2>>"$work/log"; then
    cat "$work/log"
    absent "$compiler could not compile them: $(grep -m 1 error "$work/log" || echo see above)"
fi
rm -f "$target/absent.txt"
mv "$work/library" "$library"
printf '%s' "$stamp" >"$target/stamp"
printf 'native kernels: %s\n' "$library"
