#!/bin/sh
# sqlite3 in WAL mode with memory-mapped I/O, on the mount.
#
# WAL keeps its index in a file that all users of the database map, shared and
# writable. Before FUSE had such mappings this was the plain complaint: a database
# on FUSE could not use WAL ("disk I/O error"). It works where pages are written back.
set -u
. tests/host/lib

# shellcheck disable=SC2016 # the guest's shell expands these
real sqlite3 '
cd /mnt/fuse
sqlite3 db "PRAGMA journal_mode=WAL; PRAGMA mmap_size=4194304;
	CREATE TABLE t(id INTEGER PRIMARY KEY, word BLOB);" || exit
for round in 1 2 3 4; do
	# two writers at a time, and a reader of what is half there
	for writer in 1 2; do
		sqlite3 db "PRAGMA busy_timeout=60000; PRAGMA mmap_size=4194304;
			BEGIN IMMEDIATE;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
			INSERT INTO t(word) SELECT randomblob(200) FROM n;
			COMMIT;" >/dev/null &
	done
	sqlite3 db "PRAGMA busy_timeout=60000; SELECT count(*) % 250 FROM t;" |
		tail -n 1 | sed "s/^/rest /"
	wait
done
sqlite3 db "PRAGMA mmap_size=4194304; UPDATE t SET word = zeroblob(300) WHERE id % 3 = 0;
	DELETE FROM t WHERE id % 5 = 0; SELECT count(*) || \" rows\" FROM t;"
sqlite3 db "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA integrity_check;" | sed "s/^/check /"
cmp db /srv/fuse/db && echo same at the server
echo 1 >/proc/sys/vm/drop_caches
sqlite3 db "PRAGMA integrity_check;" | sed "s/^/again /"
'

if [ "$VARIANT" = before ]; then
	[ "$status" -ne 0 ]
	ok $? 'WAL needs a shared writable mapping: refused'
	like "$scratch/out" 'disk I/O error' '... and this is what users saw'
	done_testing
fi
tried 0 'sqlite3 runs on the mount'
has wal
ok $? 'WAL mode is taken'
has '1600 rows'
ok $? 'no row is lost or doubled'
! has 'rest [1-9].*'
ok $? 'a reader sees whole transactions'
has 'check ok' && has 'same at the server'
ok $? 'the database is sound, and the same at the server'
has 'again ok'
ok $? 'it still is when read from the server'
done_testing
