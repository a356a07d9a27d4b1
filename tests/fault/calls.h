/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* System calls of which the n-th fails, or is the last one before the process is killed, or writes half.
 *
 * The calls below stand before libc's, since the linker takes those of the program first. Only one file of a program includes this. */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum mode {
        MODE_OFF,
        MODE_FAIL,
        MODE_KILL,
        MODE_SHORT,
};

static struct {
        enum mode mode;
        int error;                      /* errno of the one that fails; 0: EIO */
        unsigned n;                     /* which call it is to be */
        unsigned count;                 /* of calls so far */
} fault;

enum { KILLED = 77 };

/* Is this the one? Then errno is set. */
static bool is_faulty(void) {
        if (fault.mode != MODE_FAIL && fault.mode != MODE_KILL)
                return false;
        if (++fault.count != fault.n)
                return false;
        if (fault.mode == MODE_KILL)
                _exit(KILLED);

        errno = fault.error > 0 ? fault.error : EIO;
        return true;
}

#define CALL(type, ...) (is_faulty() ? (type) -1 : (type) syscall(__VA_ARGS__))

static size_t shorten(size_t n) {
        return fault.mode == MODE_SHORT && n > 1 && ++fault.count == fault.n ? n / 2 : n;
}

int openat(int dir, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        if (flags & O_CREAT) {
                va_start(ap, flags);
                mode = va_arg(ap, mode_t);
                va_end(ap);
        }

        return CALL(int, SYS_openat, dir, path, flags, mode);
}

ssize_t write(int fd, const void *p, size_t n) {
        return CALL(ssize_t, SYS_write, fd, p, shorten(n));
}

ssize_t pread(int fd, void *p, size_t n, off_t at) {
        return CALL(ssize_t, SYS_pread64, fd, p, n, at);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
        return CALL(ssize_t, SYS_pwrite64, fd, p, shorten(n), at);
}

int ftruncate(int fd, off_t size) {
        return CALL(int, SYS_ftruncate, fd, size);
}

int fsync(int fd) {
        return CALL(int, SYS_fsync, fd);
}

int flock(int fd, int operation) {
        return CALL(int, SYS_flock, fd, operation);
}

int fchmod(int fd, mode_t mode) {
        return CALL(int, SYS_fchmod, fd, mode);
}

int mkdirat(int dir, const char *path, mode_t mode) {
        return CALL(int, SYS_mkdirat, dir, path, mode);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
        return CALL(int, SYS_linkat, from_dir, from, to_dir, to, flags);
}

int symlinkat(const char *target, int dir, const char *path) {
        return CALL(int, SYS_symlinkat, target, dir, path);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
        return CALL(int, SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
        return CALL(int, SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int unlinkat(int dir, const char *path, int flags) {
        return CALL(int, SYS_unlinkat, dir, path, flags);
}

int pipe2(int fds[2], int flags) {
        return CALL(int, SYS_pipe2, fds, flags);
}

/* Gives the number of the error. */
int posix_spawnattr_setflags(posix_spawnattr_t *attr, short flags) {
        if (is_faulty())
                return EAGAIN;

        attr->__flags = flags;
        return 0;
}
