#!/bin/sh
# Kconfig drops what it does not know or cannot have, without a word. A kernel built
# without the option that a test is about passes that test. So each option asked for
# must be there afterwards, or nothing is built.
set -u
. tests/host/lib
src=$(realpath "build/$NAME/obj/source")
obj=$scratch/obj
# (kconfig's own program, as it was compiled)
mkdir -p "$obj/scripts"
cp -a "build/$NAME/obj/scripts/basic" "build/$NAME/obj/scripts/kconfig" "$obj/scripts/"
configure() {
	try uml/kernel/configure "$src" "$obj" "$@"
}
base=$scratch/base
cat >"$base" <<-'EOF'
	CONFIG_64BIT=y
	CONFIG_PROC_FS=y
	# a comment; the next option is off on purpose
	CONFIG_NET=n
	CONFIG_LOCALVERSION="-a b"
	CONFIG_LOG_BUF_SHIFT=15
EOF

configure "$base"
tried 0 'a fragment whose options all survive'
for option in CONFIG_PROC_FS=y '# CONFIG_NET is not set' 'CONFIG_LOCALVERSION="-a b"' CONFIG_LOG_BUF_SHIFT=15; do
	grep -qxF "$option" "$obj/.config"
	ok $? "... $option"
done

# equal configuration: the file keeps its time, and so the objects theirs
touch -d 2001-01-01 "$obj/.config"
configure "$base"
is "$(stat -c %y "$obj/.config" | cut -c 1-10)" 2001-01-01 'the same again does not touch .config'
# nor is another host's, or all that it compiled would be compiled again
mkdir "$scratch/bin"
printf '#!/bin/sh\necho "rustc 1.85.0 (4d91de4e4 2025-02-17)"\n' >"$scratch/bin/rustc"
printf '#!/bin/sh\necho v1.27\n' >"$scratch/bin/pahole"
chmod +x "$scratch"/bin/*
had=$PATH PATH=$scratch/bin:$PATH
configure "$base"
PATH=$had
is "$(stat -c %y "$obj/.config" | cut -c 1-10)" 2001-01-01 '... nor does a host with rustc and pahole'
echo CONFIG_TMPFS=y >"$scratch/more"
echo CONFIG_SHMEM=y >>"$scratch/more"
echo CONFIG_LOG_BUF_SHIFT=16 >"$scratch/less"
configure "$base" "$scratch/more" "$scratch/less"
tried 0 'more fragments'
[ "$(stat -c %y "$obj/.config" | cut -c 1-10)" != 2001-01-01 ] && grep -qx CONFIG_TMPFS=y "$obj/.config"
ok $? '... do'
grep -qx CONFIG_LOG_BUF_SHIFT=16 "$obj/.config"
ok $? '... and the last word wins: of two fragments the later'

# what does not survive, and what may be missing
before=$(cksum <"$obj/.config")
cat >"$scratch/bad" <<-'EOF'
	CONFIG_NO_SUCH_OPTION=y
	CONFIG_UNIX=y
	CONFIG_HZ_100=m
	CONFIG_LOG_BUF_SHIFT=99
	# optional: new in some tree
	CONFIG_MAY_BE_MISSING=y
	CONFIG_AFTER_IT=y
	# newer: some tree
	CONFIG_MAY_COME=y
	CONFIG_AFTER_THAT=y
	# became: CONFIG_UNIX=y as if it had been renamed
	CONFIG_OLD_NAME_OF_UNIX=y
EOF
configure "$base" "$scratch/bad"
tried 1 'options that Kconfig dropped'
lost() { # line, what became of it, what
	like "$scratch/out" "DID NOT SURVIVE:  $1  \\($2" "$3"
}
lost CONFIG_NO_SUCH_OPTION=y 'not in this tree' 'one that the tree does not have is named'
lost CONFIG_UNIX=y 'hidden by what it depends on, net/unix/Kconfig' 'one whose dependency (NET) is off, with where it is'
lost CONFIG_HZ_100=m 'CONFIG_HZ_100=|hidden by' 'a module, where there is none'
lost CONFIG_LOG_BUF_SHIFT=99 'CONFIG_LOG_BUF_SHIFT=' 'a number out of range'
lost CONFIG_AFTER_IT=y 'not in this tree' 'the mark of an optional one counts for one line only'
lost CONFIG_AFTER_THAT=y 'not in this tree' '... and that of one that newer trees have'
lost CONFIG_OLD_NAME_OF_UNIX=y 'not in this tree' 'one whose new name did not survive either'
unlike "$scratch/out" 'SURVIVE:  CONFIG_(MAY|TMPFS|PROC)' 'no other is'
is "$(cksum <"$obj/.config")" "$before" 'the old configuration stays'

# ... and what other trees have in its place
cat >"$scratch/others" <<-'EOF'
	# optional: new in some tree
	CONFIG_MAY_BE_MISSING=y
	# newer: some tree
	CONFIG_MAY_COME=y
	# became: CONFIG_TMPFS=y as if it had been renamed
	CONFIG_OLD_NAME_OF_TMPFS=y
	CONFIG_SHMEM=y
EOF
configure "$base" "$scratch/others"
tried 0 'what may be missing, and what this tree has by another name'
like "$scratch/out" 'left out \(optional\):  CONFIG_MAY_BE_MISSING=y' '... an option marked optional is left out, which is said'
like "$scratch/out" 'newer than this tree:  CONFIG_MAY_COME=y' '... one that newer trees have is not missed'
like "$scratch/out" 'became CONFIG_TMPFS=y:  CONFIG_OLD_NAME_OF_TMPFS=y' '... a new name is said'
grep -qx CONFIG_TMPFS=y "$obj/.config"
ok $? '... and asked for'

# A tree newer than any that was tried: what it has not got is told, and it goes on
mkdir "$scratch/newer"
ln -s "$src"/* "$scratch/newer/"
rm "$scratch/newer/Makefile"
sed 's/^VERSION = .*/VERSION = 99/; s/^PATCHLEVEL = .*/PATCHLEVEL = 1/' "$src/Makefile" >"$scratch/newer/Makefile"
is_tried=$src src=$scratch/newer
configure "$base" "$scratch/bad"
tried 0 'a tree newer than any that was tried'
like "$scratch/out" 'Linux 99.1 is newer than any that was tried' '... which is said'
like "$scratch/out" 'left out \(unknown to Linux 99.1\):  CONFIG_NO_SUCH_OPTION=y' '... an option that it has not got is named'
unlike "$scratch/out" 'left out .*CONFIG_PROC_FS' '... and no other'
src=$is_tried

# A compiler that the tree does not take. (What asks for its version preprocesses)
cat >"$scratch/old" <<-'EOF'
	#!/bin/sh
	case " $* " in
	*' -E '*) echo GCC 4 1 0 ;;
	*) exec gcc "$@" ;;
	esac
EOF
chmod +x "$scratch/old"
try env CC="$scratch/old" uml/kernel/configure "$src" "$obj" "$base"
[ "$status" -ne 0 ] && grep -q 'compiler is too old' "$scratch/err"
ok $? 'a compiler that is too old' || remark "$scratch/err"
like "$scratch/err" 'make UML_CC=' '... with the way out'

# cut off while it works
cp -p "$obj/.config" "$scratch/kept"
mkfifo "$scratch/fifo"
cat >"$scratch/cc" <<-EOF
	#!/bin/sh
	echo here >"$scratch/asked"
	read -r _ <"$scratch/fifo"
EOF
chmod +x "$scratch/cc"
perl -e "$own_group" env CC="$scratch/cc" uml/kernel/configure "$src" "$obj" "$base" "$scratch/more" >"$scratch/out" 2>&1 &
pid=$!
await test -s "$scratch/asked"
kill -9 -$pid
wait $pid 2>/dev/null
cmp -s "$obj/.config" "$scratch/kept"
ok $? 'kill -9 in the middle: the old configuration stays'
configure "$base" "$scratch/more"
tried 0 '... and the next time it is made'
grep -qx CONFIG_TMPFS=y "$obj/.config"
ok $? '... whole'

try uml/kernel/configure "$src" "$obj" /no/fragment
[ "$status" -ne 0 ] && grep -q /no/fragment "$scratch/err"
ok $? 'a missing fragment is named'

# ---- the compiler cache: one that another user filled ----
if command -v ccache >/dev/null; then
	cat >"$scratch/makefile" <<-'EOF'
		include uml/kernel/kernel.mk
		compile: ; @env $(kernel-env) sh -e $(SCRIPT)
	EOF
	# kbuild's own command for an object, but for where it goes
	sed -n "s|^\(saved\)*cmd_fs/fuse/control.o := ||; t found; b; :found; s| -o [^ ]*| -o $scratch/control.o|; s|-Wp,-MMD,[^ ]*|-Wp,-MMD,$scratch/control.d|p" \
		"build/$NAME/obj/fs/fuse/.control.o.cmd" >"$scratch/control"
	printf 'cd %s\n' "build/$NAME/obj" | cat - "$scratch/control" >"$scratch/script"
	for locale in C.UTF-8 fr_FR.UTF-8; do
		try env LANG=$locale LC_MESSAGES=$locale XDG_CACHE_HOME="$scratch/cache" \
			make -f "$scratch/makefile" compile "SCRIPT=$scratch/script" KERNEL=6.12 VARIANT=stock
		tried 0 "an object is compiled with LANG=$locale"
	done
	CCACHE_DIR=$scratch/cache/fuse-uml/ccache ccache --print-stats >"$scratch/out"
	is "$(sed -n 's/^direct_cache_hit\t//p' "$scratch/out")" 1 '... and found, though LANG is another'
else
	skip 'the compiler cache' 'there is no ccache'
fi
done_testing
