// SPDX-License-Identifier: GPL-2.0-only
/* The operations: each is passed to the directory server.source. */
#define _GNU_SOURCE
#include "server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HASH 1024

/* An open file. Its number is never used again, as a node's. */
struct file {
	struct file *next;
	uint64_t id;
	uint64_t nodeid;
	int fd;
	DIR *dir;
	struct dirent *ahead; /* read, did not fit in the last reply */
	off_t dir_off;
	unsigned int users;
	bool closed;
};

/* Leaf lock: nothing else is taken under it. */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files[HASH];
static uint64_t last_file;

static struct file *file_new(uint64_t nodeid, int fd, DIR *dir)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->nodeid = nodeid;
	f->fd = fd;
	f->dir = dir;
	f->users = 1;
	pthread_mutex_lock(&table_lock);
	f->id = ++last_file;
	f->next = files[f->id % HASH];
	files[f->id % HASH] = f;
	pthread_mutex_unlock(&table_lock);
	return f;
}

/* A server without OPEN gets no handle: open the node for this one request. */
static int file_by_node(uint64_t nodeid, struct file **fp)
{
	struct proc_path p;
	int path_fd = node_fd(nodeid), fd;

	if (path_fd < 0)
		return -path_fd;
	fd = open(proc_path(&p, path_fd), O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = open(p.s, O_RDONLY | O_CLOEXEC);
	close(path_fd);
	if (fd < 0)
		return errno;
	*fp = calloc(1, sizeof(**fp));
	if (!*fp) {
		close(fd);
		return ENOMEM;
	}
	(*fp)->fd = fd;
	(*fp)->users = 1;
	(*fp)->closed = true;
	return 0;
}

static int file_get(uint64_t nodeid, uint64_t fh, struct file **fp)
{
	struct file *f;

	if (!fh)
		return file_by_node(nodeid, fp);
	pthread_mutex_lock(&table_lock);
	for (f = files[fh % HASH]; f && f->id != fh; f = f->next)
		;
	if (f)
		f->users++;
	pthread_mutex_unlock(&table_lock);
	*fp = f;
	return f ? 0 : EBADF;
}

static void file_put(struct file *f)
{
	bool last;

	pthread_mutex_lock(&table_lock);
	last = !--f->users;
	pthread_mutex_unlock(&table_lock);
	if (!last)
		return;
	if (f->dir)
		closedir(f->dir);
	else
		close(f->fd);
	free(f);
}

static void file_close(uint64_t fh)
{
	struct file **p, *f;

	pthread_mutex_lock(&table_lock);
	for (p = &files[fh % HASH]; (f = *p) && f->id != fh; p = &f->next)
		;
	if (f) {
		*p = f->next;
		f->closed = true;
	}
	pthread_mutex_unlock(&table_lock);
	if (f)
		file_put(f);
}

/* ---- the operations ---- */

static void want(struct fuse_conn_info *conn, unsigned int flag, bool on)
{
	conn->want &= ~flag;
	if (on)
		conn->want |= conn->capable & flag;
}

static void fs_op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	want(conn, FUSE_CAP_WRITEBACK_CACHE, server.writeback_cache);
	want(conn, FUSE_CAP_ATOMIC_O_TRUNC, server.atomic_o_trunc);
	want(conn, FUSE_CAP_ASYNC_READ, server.async_read);
	want(conn, FUSE_CAP_AUTO_INVAL_DATA, server.auto_inval);
	want(conn, FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO,
	     server.readdirplus);
	want(conn, FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS, server.locks);
	want(conn, FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE, server.splice);
	want(conn, FUSE_CAP_SPLICE_READ, server.splice);
	/* without it the kernel clears setuid bits by SETATTR, which is to be seen */
	want(conn, FUSE_CAP_HANDLE_KILLPRIV, false);
	conn->max_write = server.max_write;
	conn->max_background = server.max_background;
	if (server.max_readahead != UINT_MAX)
		conn->max_readahead = server.max_readahead;
	conn->time_gran = 1;
}

static void reply_err_or_entry(fuse_req_t req, int err,
			       struct fuse_entry_param *e)
{
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, e);
}

static void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	int fd = node_fd(parent), err;

	err = fd < 0 ? -fd : node_lookup(fd, name, &e);
	if (fd >= 0)
		close(fd);
	reply_err_or_entry(req, err, &e);
}

static void fs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	node_forget(ino, nlookup);
	fuse_reply_none(req);
}

static void fs_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		node_forget(forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void fs_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	int fd = node_fd(ino), err = fd < 0 ? -fd : 0;
	struct stat st;

	(void)fi;
	if (fd >= 0 &&
	    fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_attr(req, &st, server.attr_timeout);
}

static int set_times(int fd, const struct stat *attr, int valid)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT },
				  { .tv_nsec = UTIME_OMIT } };

	if (valid & FUSE_SET_ATTR_ATIME_NOW)
		ts[0].tv_nsec = UTIME_NOW;
	else if (valid & FUSE_SET_ATTR_ATIME)
		ts[0] = attr->st_atim;
	if (valid & FUSE_SET_ATTR_MTIME_NOW)
		ts[1].tv_nsec = UTIME_NOW;
	else if (valid & FUSE_SET_ATTR_MTIME)
		ts[1] = attr->st_mtim;
	return utimensat(fd, "", ts, AT_EMPTY_PATH);
}

static void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		       int valid, struct fuse_file_info *fi)
{
	int fd = node_fd(ino), err = 0;
	struct file *f = NULL;
	struct proc_path p;
	struct stat st;

	if (fd < 0) {
		fuse_reply_err(req, -fd);
		return;
	}
	proc_path(&p, fd);
	if (valid & FUSE_SET_ATTR_MODE && chmod(p.s, attr->st_mode))
		goto failed;
	if (valid & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    fchownat(fd, "",
		     valid & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1,
		     valid & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1,
		     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		goto failed;
	if (valid & FUSE_SET_ATTR_SIZE) {
		if (fi && fi->fh && !file_get(ino, fi->fh, &f)) {
			err = ftruncate(f->fd, attr->st_size) ? errno : 0;
			file_put(f);
			errno = err;
		} else {
			err = truncate(p.s, attr->st_size) ? errno : 0;
		}
		if (err)
			goto failed;
	}
	if (valid & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME) &&
	    set_times(fd, attr, valid))
		goto failed;
	if (fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		goto failed;
	close(fd);
	fuse_reply_attr(req, &st, server.attr_timeout);
	return;
failed:
	err = errno;
	close(fd);
	fuse_reply_err(req, err);
}

static void fs_readlink(fuse_req_t req, fuse_ino_t ino)
{
	int fd = node_fd(ino), err = -fd;
	char target[PATH_MAX];
	ssize_t len = -1;

	if (fd >= 0) {
		len = readlinkat(fd, "", target, sizeof(target) - 1);
		err = errno;
		close(fd);
	}
	if (len < 0) {
		fuse_reply_err(req, err);
		return;
	}
	target[len] = 0;
	fuse_reply_readlink(req, target);
}

/* The server is root; what it makes belongs to whoever asked. */
static void give(fuse_req_t req, int dirfd, const char *name)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct stat st;
	gid_t gid = ctx->gid;

	if (!fstat(dirfd, &st) && st.st_mode & S_ISGID)
		gid = st.st_gid;
	if ((ctx->uid || gid) &&
	    fchownat(dirfd, name, ctx->uid, gid, AT_SYMLINK_NOFOLLOW))
		fuse_log(FUSE_LOG_ERR, "chown %s: %s\n", name, strerror(errno));
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode, dev_t rdev, const char *target)
{
	int fd = node_fd(parent), err = -fd;
	struct fuse_entry_param e;

	if (fd >= 0) {
		if (S_ISLNK(mode))
			err = symlinkat(target, fd, name);
		else if (S_ISDIR(mode))
			err = mkdirat(fd, name, mode & 07777);
		else
			err = mknodat(fd, name, mode, rdev);
		if (err) {
			err = errno;
		} else {
			give(req, fd, name);
			err = node_lookup(fd, name, &e);
		}
		close(fd);
	}
	reply_err_or_entry(req, err, &e);
}

static void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, dev_t rdev)
{
	make(req, parent, name, mode, rdev, NULL);
}

static void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	make(req, parent, name, S_IFDIR | mode, 0, NULL);
}

static void fs_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	make(req, parent, name, S_IFLNK, 0, target);
}

static void fs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		    const char *name)
{
	int dir = node_fd(parent), fd = node_fd(ino), err = 0;
	struct fuse_entry_param e;
	struct proc_path p;

	if (dir < 0 || fd < 0)
		err = ESTALE;
	else if (linkat(AT_FDCWD, proc_path(&p, fd), dir, name,
			AT_SYMLINK_FOLLOW))
		err = errno;
	else
		err = node_lookup(dir, name, &e);
	if (dir >= 0)
		close(dir);
	if (fd >= 0)
		close(fd);
	reply_err_or_entry(req, err, &e);
}

static void remove_at(fuse_req_t req, fuse_ino_t parent, const char *name,
		      int flags)
{
	int fd = node_fd(parent), err = -fd;

	if (fd >= 0) {
		node_keep(fd, name);
		err = unlinkat(fd, name, flags) ? errno : 0;
		close(fd);
	}
	fuse_reply_err(req, err);
}

static void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_at(req, parent, name, 0);
}

static void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_at(req, parent, name, AT_REMOVEDIR);
}

static void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname,
		      unsigned int flags)
{
	int from = node_fd(parent), to = node_fd(newparent), err = 0;

	if (to >= 0 && !flags)
		node_keep(to, newname);
	if (from < 0 || to < 0)
		err = ESTALE;
	else if (renameat2(from, name, to, newname, flags))
		err = errno;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	fuse_reply_err(req, err);
}

/*
 * The page cache writes at offsets of its own, so the server's file must not
 * append; and a write-back cache reads what it completes to whole pages.
 */
static int server_flags(int flags)
{
	flags &= ~(O_APPEND | O_NOFOLLOW | O_DIRECT);
	if ((flags & O_ACCMODE) == O_WRONLY && server.writeback_cache)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	return flags | O_CLOEXEC;
}

static void fill_open(struct fuse_file_info *fi, uint64_t id)
{
	fi->fh = id;
	fi->direct_io = server.direct_io;
	fi->keep_cache = server.keep_cache;
}

static void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct proc_path p;
	struct file *f;
	int path_fd, fd;

	if (server.no_open) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	path_fd = node_fd(ino);
	if (path_fd < 0) {
		fuse_reply_err(req, -path_fd);
		return;
	}
	fd = open(proc_path(&p, path_fd),
		  server_flags(fi->flags) & ~(O_CREAT | O_EXCL));
	close(path_fd);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	f = file_new(ino, fd, NULL);
	if (!f) {
		close(fd);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	fill_open(fi, f->id);
	fuse_reply_open(req, fi);
}

static void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	struct file *f = NULL;
	int dir, fd, err;

	if (server.no_open) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	dir = node_fd(parent);
	if (dir < 0) {
		fuse_reply_err(req, -dir);
		return;
	}
	fd = openat(dir, name, server_flags(fi->flags) | O_CREAT | O_NOFOLLOW,
		    mode);
	err = fd < 0 ? errno : 0;
	if (!err) {
		give(req, dir, name);
		err = node_lookup(dir, name, &e);
	}
	close(dir);
	if (!err) {
		f = file_new(e.ino, fd, NULL);
		if (!f) {
			node_forget(e.ino, 1);
			err = ENOMEM;
		}
	}
	if (err) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, err);
		return;
	}
	fill_open(fi, f->id);
	fuse_reply_create(req, &e, fi);
}

static void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);
	struct file *f;
	int err = file_get(ino, fi->fh, &f);
	char *data;
	ssize_t n;

	if (err) {
		fuse_reply_err(req, err);
		return;
	}
	if (server.splice) {
		buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		buf.buf[0].fd = f->fd;
		buf.buf[0].pos = off;
		fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
		file_put(f);
		return;
	}
	data = malloc(size ? size : 1);
	n = data ? pread(f->fd, data, size, off) : -1;
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, data, n);
	free(data);
	file_put(f);
}

static void fs_write(fuse_req_t req, fuse_ino_t ino, const char *data,
		     size_t size, off_t off, struct fuse_file_info *fi)
{
	struct file *f;
	int err = file_get(ino, fi->fh, &f);
	ssize_t n;

	if (err) {
		fuse_reply_err(req, err);
		return;
	}
	n = pwrite(f->fd, data, size, off);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, n);
	file_put(f);
}

static void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	locks_drop_owner(ino, fi->lock_owner);
	fuse_reply_err(req, 0);
}

static void fs_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	file_close(fi->fh);
	/* flock locks went with the descriptor */
	locks_changed();
	fuse_reply_err(req, 0);
}

static void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	struct file *f;
	int err = file_get(ino, fi->fh, &f);

	if (!err) {
		err = (datasync ? fdatasync(f->fd) : fsync(f->fd)) ? errno : 0;
		file_put(f);
	}
	fuse_reply_err(req, err);
}

static void fs_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	int path_fd = node_fd(ino), fd;
	struct proc_path p;
	struct file *f = NULL;
	DIR *dir;

	if (path_fd < 0) {
		fuse_reply_err(req, -path_fd);
		return;
	}
	fd = open(proc_path(&p, path_fd), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(path_fd);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir)
		f = file_new(ino, fd, dir);
	if (!f) {
		int err = errno;

		if (dir)
			closedir(dir);
		else if (fd >= 0)
			close(fd);
		fuse_reply_err(req, err);
		return;
	}
	fi->fh = f->id;
	fuse_reply_open(req, fi);
}

static size_t add_dirent(fuse_req_t req, struct file *f, bool plus, char *buf,
			 size_t size, const struct dirent *d)
{
	bool dots = !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..");
	struct fuse_entry_param e = {
		.attr.st_ino = d->d_ino,
		.attr.st_mode = d->d_type << 12,
	};
	size_t need;

	if (!plus)
		return fuse_add_direntry(req, buf, size, d->d_name, &e.attr,
					 d->d_off);
	if (!dots && node_lookup(f->fd, d->d_name, &e))
		return 0; /* it has just gone: leave it out, stop here */
	need = fuse_add_direntry_plus(req, buf, size, d->d_name, &e, d->d_off);
	if (need > size && e.ino)
		node_forget(e.ino, 1);
	return need;
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi, bool plus)
{
	size_t used = 0, need;
	struct file *f = NULL;
	struct dirent *d;
	char *buf;
	int err = file_get(ino, fi->fh, &f);

	if (!err && !f->dir)
		err = ENOTDIR;
	buf = malloc(size);
	if (!err && !buf)
		err = ENOMEM;
	if (err)
		goto out;
	if (off != f->dir_off) {
		seekdir(f->dir, off);
		f->ahead = NULL;
		f->dir_off = off;
	}
	for (;;) {
		errno = 0;
		d = f->ahead ? f->ahead : readdir(f->dir);
		if (!d) {
			err = used ? 0 : errno;
			break;
		}
		need = add_dirent(req, f, plus, buf + used, size - used, d);
		f->ahead = need > size - used ? d : NULL;
		if (f->ahead)
			break;
		used += need;
		f->dir_off = d->d_off;
	}
out:
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_buf(req, buf, used);
	free(buf);
	if (f)
		file_put(f);
}

static void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, fi, false);
}

static void fs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t off, struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, fi, true);
}

static void fs_releasedir(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	(void)ino;
	file_close(fi->fh);
	fuse_reply_err(req, 0);
}

static void fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	int fd = node_fd(ino), err = -fd;

	if (fd >= 0) {
		err = fstatvfs(fd, &st) ? errno : 0;
		close(fd);
	}
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_statfs(req, &st);
}

static void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	int fd = node_fd(ino), err = -fd;
	struct proc_path p;

	if (fd >= 0) {
		err = setxattr(proc_path(&p, fd), name, value, size, flags) ?
			      errno :
			      0;
		close(fd);
	}
	fuse_reply_err(req, err);
}

/* getxattr and, where @name is NULL, listxattr */
static void get_xattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		      size_t size)
{
	int fd = node_fd(ino), err = -fd;
	char *value = size ? malloc(size) : NULL;
	struct proc_path p;
	ssize_t n = -1;

	if (fd >= 0) {
		proc_path(&p, fd);
		n = name ? getxattr(p.s, name, value, size) :
			   listxattr(p.s, value, size);
		err = errno;
		close(fd);
	}
	if (n < 0)
		fuse_reply_err(req, err);
	else if (size)
		fuse_reply_buf(req, value, n);
	else
		fuse_reply_xattr(req, n);
	free(value);
}

static void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	get_xattr(req, ino, name, size);
}

static void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	get_xattr(req, ino, NULL, size);
}

static void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	int fd = node_fd(ino), err = -fd;
	struct proc_path p;

	if (fd >= 0) {
		err = removexattr(proc_path(&p, fd), name) ? errno : 0;
		close(fd);
	}
	fuse_reply_err(req, err);
}

static void fs_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			 off_t len, struct fuse_file_info *fi)
{
	struct file *f;
	struct stat st;
	int err = file_get(ino, fi->fh, &f);

	if (err) {
		fuse_reply_err(req, err);
		return;
	}
	if (mode & FALLOC_FL_ZERO_RANGE) {
		/* tmpfs has no ZERO_RANGE; a hole reads the same */
		err = fallocate(f->fd,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off,
				len);
		if (!err && !(mode & FALLOC_FL_KEEP_SIZE) &&
		    !fstat(f->fd, &st) && st.st_size < off + len)
			err = ftruncate(f->fd, off + len);
	} else {
		err = fallocate(f->fd, mode, off, len);
	}
	err = err ? errno : 0;
	file_put(f);
	fuse_reply_err(req, err);
}

static void fs_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct file *f;
	int err = file_get(ino, fi->fh, &f);

	if (!err) {
		off = lseek(f->fd, off, whence);
		err = off < 0 ? errno : 0;
		file_put(f);
	}
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_lseek(req, off);
}

static void fs_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			       struct fuse_file_info *fi_in, fuse_ino_t ino_out,
			       off_t off_out, struct fuse_file_info *fi_out,
			       size_t len, int flags)
{
	struct file *in, *out;
	ssize_t n = -1;
	int err = file_get(ino_in, fi_in->fh, &in);

	if (!err) {
		err = file_get(ino_out, fi_out->fh, &out);
		if (!err) {
			n = copy_file_range(in->fd, &off_in, out->fd, &off_out,
					    len, flags);
			err = n < 0 ? errno : 0;
			file_put(out);
		}
		file_put(in);
	}
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_write(req, n);
}

static void fs_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		     struct flock *fl)
{
	locks_get(req, ino, fi->lock_owner, fl);
}

static void fs_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		     struct flock *fl, int sleep)
{
	locks_set(req, ino, fi->lock_owner, fl, sleep);
}

static void fs_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		     int op)
{
	struct file *f;
	int err = file_get(ino, fi->fh, &f), fd = -1;

	if (!err) {
		fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
		err = fd < 0 ? errno : 0;
		file_put(f);
	}
	if (err)
		fuse_reply_err(req, err);
	else
		locks_flock(req, fd, op);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = fs_op_init,
	.lookup = fs_lookup,
	.forget = fs_forget,
	.forget_multi = fs_forget_multi,
	.getattr = fs_getattr,
	.setattr = fs_setattr,
	.readlink = fs_readlink,
	.mknod = fs_mknod,
	.mkdir = fs_mkdir,
	.symlink = fs_symlink,
	.link = fs_link,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.rename = fs_rename,
	.open = fs_open,
	.create = fs_create,
	.read = fs_read,
	.write = fs_write,
	.flush = fs_flush,
	.release = fs_release,
	.fsync = fs_fsync,
	.fsyncdir = fs_fsync,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.readdirplus = fs_readdirplus,
	.releasedir = fs_releasedir,
	.statfs = fs_statfs,
	.setxattr = fs_setxattr,
	.getxattr = fs_getxattr,
	.listxattr = fs_listxattr,
	.removexattr = fs_removexattr,
	.fallocate = fs_fallocate,
	.lseek = fs_lseek,
	.copy_file_range = fs_copy_file_range,
	.getlk = fs_getlk,
	.setlk = fs_setlk,
	.flock = fs_flock,
};
