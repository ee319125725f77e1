# Compiling the kernels for a test, a process for each processor; read by the scripts here, which set compiler, target
# and here.

sources=$here/../../main/c
flags="-std=c11 -O1 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -I$sources"
running=""
count=0
processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

wait_for_all() {
    for process in $running; do
        wait "$process" || exit 1
    done
    running=""
    count=0
}

# compile FILE VARIANT OPTIONS
compile() {
    # shellcheck disable=SC2086 # options are several words
    "$compiler" $flags $3 -DVARIANT="$2" -c "$sources/$1.c" -o "$target/$1-$2.o" &
    running="$running $!"
    count=$((count + 1))
    [ "$count" -lt "$processors" ] || wait_for_all
}

# compile_kernels VARIANT OPTIONS: all but the tiles and the library's entries
compile_kernels() {
    for source in "$sources"/*.c; do
        file=$(basename "$source" .c)
        case $file in
        tile* | library) ;;
        *) compile "$file" "$1" "$2" ;;
        esac
    done
}
