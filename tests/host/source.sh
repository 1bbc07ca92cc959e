#!/bin/sh
# The kernel's source comes through apt and stays in a cache that all checkouts share.
# A download that broke off, a disk that was full, a ctrl-C while unpacking: each leaves
# something that looks like a kernel tree until the compiler stops in the middle of it.
set -u
. tests/host/lib
package=linux-source-9.9
cache=$scratch/cache repo=$scratch/repo.git bin=$scratch/bin
mkdir -p "$cache" "$bin"

# A package of a few files in place of 150 MB
tree=$scratch/deb/$package
mkdir -p "$tree/arch/um" "$tree/fs/fuse" "$tree/drivers/gpu" "$scratch/deb/root/usr/src" "$scratch/deb/root/DEBIAN"
echo 'all:' >"$tree/arch/um/Makefile"
printf 'line\r\n' >"$tree/fs/fuse/file.c"
echo driver >"$tree/drivers/gpu/card.c"
echo config >"$tree/drivers/gpu/Kconfig"
printf '*.c\n' >"$tree/.gitignore"
tar -C "$scratch/deb" -cJf "$scratch/deb/root/usr/src/$package.tar.xz" "$package"
cat >"$scratch/deb/root/DEBIAN/control" <<-EOF
	Package: $package
	Version: 9.9.1-1
	Architecture: all
	Maintainer: nobody <nobody@localhost>
	Description: a few files
EOF
deb=${package}_9.9.1-1_all.deb
dpkg-deb -b "$scratch/deb/root" "$scratch/$deb" >/dev/null

# apt that knows it, and gives it as $answer says. Where it has to be killed at a
# certain point, it says that it is there, and waits.
mkfifo "$scratch/never"
cat >"$bin/apt-cache" <<-'EOF'
	#!/bin/sh
	case "$1 $answer" in
	'madison newer') printf 'linux-source-9.9 | %s | archive\n' 6.12.119-1 6.12.118-1 6.12.118-0 6.12.117-1 ;;
	'madison older') printf 'linux-source-9.9 | %s | archive\n' 6.12.117-1 6.12.117-0 6.12.107-1 ;;
	esac
	[ "$1 $2" != "show linux-source-9.9" ] || [ "$answer" != unknown ]
EOF
cat >"$bin/apt-get" <<-EOF
	#!/bin/sh
	echo "\$*" >>"$scratch/downloads"
	case \$answer in
	newer | older | whole | stuck | committing) cp "$scratch/$deb" . ;;
	offline) echo "E: Failed to fetch" >&2; exit 100 ;;
	slow)
		echo here >"$scratch/there"
		read -r _ <"$scratch/never"
		cp "$scratch/$deb" .
		;;
	half)
		head -c 300 "$scratch/$deb" >$deb
		echo here >"$scratch/there"
		read -r _ <"$scratch/never"
		;;
	esac
EOF
cat >"$bin/xz" <<-EOF
	#!/bin/sh
	if [ "\$answer" = stuck ]; then
		echo here >"$scratch/there"
		read -r _ <"$scratch/never"
	fi
	exec /usr/bin/xz "\$@"
EOF
cat >"$bin/git" <<-EOF
	#!/bin/sh
	case "\$answer \$*" in
	"committing "*" commit "*)
		echo here >"$scratch/there"
		read -r _ <"$scratch/never"
		;;
	esac
	exec "$(command -v git)" "\$@"
EOF
chmod +x "$bin"/*
# the user's own git configuration changes nothing
mkdir "$scratch/home"
printf '[core]\n\tautocrlf = input\n[commit]\n\tgpgsign = true\n[user]\n\tuseConfigOnly = true\n' >"$scratch/home/.gitconfig"
command -v xz >"$scratch/xz" && sed -i "s|/usr/bin/xz|$(cat "$scratch/xz")|" "$bin/xz"

: >"$scratch/downloads"
fetch() { # apt's answer
	try env HOME="$scratch/home" PATH="$bin:$PATH" answer="$1" uml/kernel/source 9.9 "$cache" "$repo"
}
downloads() {
	wc -l <"$scratch/downloads"
}
whole() { # what
	[ "$(git --git-dir="$repo" show debian:fs/fuse/file.c | cksum)" = "$(printf 'line\r\n' | cksum)" ] &&
		git --git-dir="$repo" cat-file -e debian:arch/um/Makefile && git --git-dir="$repo" fsck --full 2>"$scratch/err"
	ok $? "$1: the repository is whole" || remark "$scratch/err"
}
nothing() { # what
	[ ! -e "$repo" ]
	ok $? "$1: no repository"
}
cut_off() { # apt's answer; killed when there
	rm -f "$scratch/there"
	perl -e "$own_group" env HOME="$scratch/home" PATH="$bin:$PATH" answer="$1" uml/kernel/source 9.9 "$cache" "$repo" >"$scratch/out" 2>&1 &
	pid=$!
	await test -e "$scratch/there"
	kill "-${2:-9}" -$pid
	wait $pid 2>/dev/null
}

fetch unknown
tried 1 'apt does not know the package'
like "$scratch/err" "no package $package" '... which is named'
like "$scratch/err" 'apt-get update.*KERNEL=' '... with the ways out'
nothing '...'
fetch offline
tried 1 'no network'
like "$scratch/err" "could not download $package" '... is said'
nothing '...'
is "$(ls "$cache")" '' '... nothing in the cache'

cut_off half
nothing 'kill -9 while downloading'
fetch offline
tried 1 'the next time what came of it is not taken for the package'
cut_off half INT
nothing 'ctrl-C while downloading'

cut_off stuck
nothing 'kill -9 while unpacking'
cut_off committing
nothing 'kill -9 just before the commit'
cut_off stuck INT
nothing 'ctrl-C while unpacking'
before=$(downloads)
fetch whole
tried 0 'the next time'
whole '...'
is "$(downloads)" "$before" '... from the cache'
is "$(git --git-dir="$repo" log --format=%s debian)" "$package 9.9.1-1" 'one commit, named by the package'
is "$(git --git-dir="$repo" ls-tree -r --name-only debian | tr '\n' ' ')" \
	'.gitignore arch/um/Makefile drivers/gpu/Kconfig fs/fuse/file.c ' "drivers of devices are left out, Kconfig files are not"
hash=$(git --git-dir="$repo" rev-parse debian)
rm -rf "$repo"
fetch offline
tried 0 'a second checkout needs no network'
is "$(git --git-dir="$repo" rev-parse debian)" "$hash" '... and has the same commit'

# the cache is damaged
rm -rf "$repo"
truncate -s -100 "$cache/$deb"
fetch offline
tried 1 'a truncated package in the cache'
like "$scratch/out" "$deb is damaged" '... is noticed and named'
nothing '...'
cp "$scratch/$deb" "$cache/"
fetch whole
tried 0 'a package of which nobody wrote the checksum'
like "$scratch/out" 'damaged or incomplete: fetching' '... is not trusted'
whole '...'
rm -rf "$repo"
printf x | dd of="$cache/$deb" bs=1 seek=500 conv=notrunc 2>/dev/null
fetch whole
tried 0 'a byte that changed'
whole '...'

# a repository is never half there
cut_off stuck
whole 'kill -9 while a repository is made anew: the old one stays'
rm -rf "$repo"

# two checkouts at once, one cache: the second waits for the first one's download, or
# would take it away
rm -rf "$cache"
rm -f "$scratch/there"
env HOME="$scratch/home" PATH="$bin:$PATH" answer=slow uml/kernel/source 9.9 "$cache" "$scratch/repo1" >"$scratch/out1" 2>&1 &
pid_1=$!
await test -e "$scratch/there"
env HOME="$scratch/home" PATH="$bin:$PATH" answer=whole uml/kernel/source 9.9 "$cache" "$scratch/repo2" >"$scratch/out2" 2>&1 &
pid_2=$!
timeout 2 tail --pid=$pid_2 -f /dev/null
echo go >"$scratch/never"
for n in 1 2; do
	[ $n = 1 ] && pid=$pid_1 || pid=$pid_2
	wait "$pid" && [ "$(git --git-dir="$scratch/repo$n" rev-parse debian)" = "$hash" ]
	ok $? "two checkouts use the cache at once: number $n" || remark "$scratch/out$n"
done
is "$(cd "$cache" && find . -name '.part*')" '' 'no rest of a download is left'

# A kernel that the host's releases do not have comes from another one of the same archive,
# by apt itself: a real one here, with a small archive signed by a key of ours.
archive=$scratch/archive etc=$scratch/etc
release() { # name, key, package or nothing
	dist=$archive/dists/$1
	mkdir -p "$dist/main/binary-amd64" "$archive/pool"
	if [ -n "$3" ]; then
		cp "$scratch/$3" "$archive/pool/"
		dpkg-deb -f "$scratch/$3"
		printf 'Filename: pool/%s\nSize: %s\nSHA256: %s\n\n' "$3" "$(stat -c %s "$scratch/$3")" \
			"$(sha256sum <"$scratch/$3" | cut -d ' ' -f 1)"
	else
		printf 'Package: other\nVersion: 1\nArchitecture: all\n\n'
	fi >"$dist/main/binary-amd64/Packages"
	(cd "$dist" && printf 'Origin: Debian\nLabel: Debian\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n %s %s %s\n' \
		"$1" "$1" "$(LC_ALL=C date -uR)" "$(sha256sum <main/binary-amd64/Packages | cut -d ' ' -f 1)" \
		"$(stat -c %s main/binary-amd64/Packages)" main/binary-amd64/Packages >"$scratch/Release")
	gpg -q --batch --yes --local-user "$2" --clearsign -o "$dist/InRelease" "$scratch/Release"
}
GNUPGHOME=$scratch/gnupg
export GNUPGHOME
mkdir -m 700 "$GNUPGHOME"
for who in archive stranger; do
	gpg -q --batch --passphrase '' --quick-gen-key "$who@localhost" ed25519 sign never 2>/dev/null
done
gpg --export archive@localhost >"$scratch/archive.gpg"
mkdir -p "$etc/lists/partial" "$etc/cache/archives/partial" "$etc/parts"
printf 'Types: deb\nURIs: file:%s\nSuites: here\nComponents: main\nSigned-By: %s\n' "$archive" "$scratch/archive.gpg" >"$etc/parts/host.sources"
cat >"$etc/apt.conf" <<-EOF
	Dir::Etc::SourceList "/dev/null";
	Dir::Etc::SourceParts "$etc/parts";
	Dir::State::Lists "$etc/lists";
	Dir::Cache "$etc/cache";
	APT::Architecture "amd64";
	APT::Architectures "amd64";
	APT::Sandbox::User "root";
	APT::Update::Post-Invoke { "echo hook >>$scratch/hooks"; };
EOF
release here archive@localhost ''
APT_CONFIG=$etc/apt.conf apt-get -q update >"$scratch/out" 2>&1
ok $? "an archive of our own, and apt that knows a release of it" || remark "$scratch/out"
: >"$scratch/hooks"
states() {
	find "$etc" -type f -exec cksum {} + | sort
}
states >"$scratch/before"
real_apt() {
	rm -rf "$cache" "$repo"
	try env HOME="$scratch/home" APT_CONFIG="$etc/apt.conf" uml/kernel/source 9.9 "$cache" "$repo"
}
nothing_new() { # what
	is "$(find "$cache" -name '*.deb*' -o -name '.part*'; ls -d "$repo" 2>/dev/null)" '' "$1: nothing is kept of it"
}
real_apt
tried 1 'no release has the package'
like "$scratch/err" 'no package linux-source-9.9' '... so said'
release sid archive@localhost "$deb"
real_apt
tried 0 'one that the host does not follow has it'
like "$scratch/out" "linux-source-9.9 is in Debian's sid" '... which is said'
whole '...'
states | diff "$scratch/before" - >"$scratch/out"
ok $? "... nothing of the host's apt has changed" || remark "$scratch/out"
is "$(cat "$scratch/hooks")" '' "... and none of its hooks has run"
printf "not what was there" | dd of="$archive/pool/$deb" bs=1 seek=500 conv=notrunc 2>/dev/null
real_apt
[ "$status" -ne 0 ]
ok $? 'a package that is not what the index says'
nothing_new '...'
release sid archive@localhost "$deb"
echo 'Description: not the same' >>"$archive/dists/sid/main/binary-amd64/Packages"
real_apt
[ "$status" -ne 0 ]
ok $? 'an index that is not what was signed'
like "$scratch/out" 'sid' '... is said'
nothing_new '...'
release sid stranger@localhost "$deb"
real_apt
[ "$status" -ne 0 ]
ok $? 'an index signed by somebody else'
nothing_new '...'
gpgconf --kill all
unset GNUPGHOME

# no room
if unshare -rm true 2>/dev/null; then
	mkdir "$scratch/small"
	repo=$scratch/small/repo
	dd if=/dev/urandom of="$tree/arch/um/big.c" bs=1M count=2 2>/dev/null
	tar -C "$scratch/deb" -cJf "$scratch/deb/root/usr/src/$package.tar.xz" "$package"
	dpkg-deb -b "$scratch/deb/root" "$scratch/$deb" >/dev/null
	try env HOME="$scratch/home" PATH="$bin:$PATH" answer=whole unshare -rm sh -c \
		"mount -t tmpfs -o size=1M none $scratch/small && rm -rf $cache && uml/kernel/source 9.9 $cache $repo; s=\$?; ls -A $scratch/small; exit \$s"
	[ "$status" -ne 0 ] && grep -q 'No space left' "$scratch/err"
	ok $? 'a full disk is said' || remark "$scratch/err"
	is "$(grep -c '^repo' "$scratch/out")" 0 '... and nothing half-made stays'
else
	skip 'a full disk is said' 'unshare -rm is refused here'
fi
# a newer one than the patches are for; not yet the newest that they are for
rm -rf "$repo" "$cache"/*.deb
fetch newer
tried 0 'apt knows newer ones, too'
like "$scratch/downloads" ' download linux-source-9.9=6.12.118-1$' '... that which the patches are for is asked for'
rm -rf "$repo" "$cache"/*.deb
fetch older
tried 0 'apt knows an older one only'
like "$scratch/downloads" ' download linux-source-9.9=6.12.117-1$' '... and the patches are for that, too: it is asked for'
done_testing
