#!/bin/sh
# Compiles the kernels for ARM, compares those with and without dot products, and runs the library's choice between
# them: neon.sh FOLDER
# On ARM itself, or with a cross compiler (ARM_CC) under an emulator (ARM_EMULATOR).
# Exit status 0: they agree; 1: they do not, or do not compile; 77: there is no compiler or no emulator here.
set -u
here=$(cd "$(dirname "$0")" && pwd)
target=$1
case $(uname -m) in
aarch64 | arm64)
    compiler=${CC:-cc} emulator= static=
    ;;
*)
    compiler=${ARM_CC:-aarch64-linux-gnu-gcc}
    emulator=${ARM_EMULATOR:-$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)}
    static=-static # the emulator has no libraries
    [ -n "$emulator" ] || { echo "no qemu-aarch64"; exit 77; }
    ;;
esac
command -v "$compiler" >/dev/null || { echo "no $compiler"; exit 77; }
mkdir -p "$target" || exit 1
target=$(cd "$target" && pwd)

# As a user's build does, but for warnings being errors and less being optimized. Objects have the library linked already.
flags="-O1 -Werror"
CC=$compiler JUGGLER_CFLAGS=$flags JUGGLER_OBJECTS=$target sh "$here/../../main/c/build.sh" "$target/library" || exit 1
case $(od -An -tu2 -j18 -N2 "$target"/library/libjuggler-kernels.so 2>/dev/null | tr -d ' ') in
183) ;;
*) echo "no library for ARM was built"; exit 1 ;;
esac
link() {
    # shellcheck disable=SC2086 # flags are several words
    "$compiler" $static -std=c11 -Wall -Wextra $flags -I"$here/../../main/c" "$here/$1.c" "$target"/*-*.o $2 -lm \
        -o "$target/$1" -DFIRST=kernels_neon -DSECOND=kernels_dotprod || exit 1
}
link choice "$target/library.o"
link agreement ""

if [ -z "$emulator" ]; then
    "$target/choice" || exit 1
    grep -qw asimddp /proc/cpuinfo || { echo "no dot products here to compare"; exit 0; }
    exec "$target/agreement"
fi
"$emulator" -cpu max "$target/agreement" || exit 1
# A processor without dot products (2012) and one with them (2018).
"$emulator" -cpu cortex-a53 "$target/choice" 0 || exit 1
"$emulator" -cpu neoverse-n1 "$target/choice" 1 || exit 1
