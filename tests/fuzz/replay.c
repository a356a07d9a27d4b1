/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target on every file in and below the directories that are given, for builds without libFuzzer: what was
 * once found stays fixed. Fails if there is nothing to run. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void close_directory(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

static void close_fd(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

/* 1 when it ran, 0 if it is not a regular file, negative errno. */
static int run_file(int fd, const struct stat *st) {
        uint8_t *data;
        ssize_t n;

        if (!S_ISREG(st->st_mode))
                return 0;

        data = malloc((size_t) st->st_size + 1);
        if (!data)
                return -ENOMEM;

        n = read(fd, data, (size_t) st->st_size);
        if (n == st->st_size)
                (void) LLVMFuzzerTestOneInput(data, (size_t) n);
        free(data);
        return n == st->st_size ? 1 : -EIO;
}

/* How many files it ran, or negative errno. */
static int run_below(int parent, const char *name);

static int run_directory(int fd) {
        CLEANUP(close_directory) DIR *directory = fdopendir(dup(fd));
        const struct dirent *entry;
        int n = 0, r;

        if (!directory)
                return -errno;

        while ((entry = readdir(directory))) {
                if (entry->d_name[0] == '.')
                        continue;
                r = run_below(fd, entry->d_name);
                if (r < 0) {
                        (void) fprintf(stderr, "%s: %s\n", entry->d_name, strerror(-r));
                        return r;
                }
                n += r;
        }

        return n;
}

static int run_below(int parent, const char *name) {
        CLEANUP(close_fd) int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;

        return S_ISDIR(st.st_mode) ? run_directory(fd) : run_file(fd, &st);
}

int main(int argc, char **argv) {
        int n = 0, r;

        for (int i = 1; i < argc; i++) {
                r = run_below(AT_FDCWD, argv[i]);
                if (r < 0) {
                        (void) fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return EXIT_FAILURE;
                }
                n += r;
        }

        (void) printf("%d inputs\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
