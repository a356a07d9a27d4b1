/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target on every file of the directories that are given, for builds without libFuzzer: what was once
 * found stays fixed. Fails where there is nothing to run. */

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

/* 1 when it ran, 0 for what is no file, negative errno. */
static int run_file(int directory, const char *name) {
        CLEANUP(close_fd) int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
        struct stat st;
        uint8_t *data;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 0;

        data = malloc((size_t) st.st_size + 1);
        if (!data)
                return -ENOMEM;

        n = read(fd, data, (size_t) st.st_size);
        if (n == st.st_size)
                (void) LLVMFuzzerTestOneInput(data, (size_t) n);
        free(data);
        return n == st.st_size ? 1 : -EIO;
}

/* How many files it ran, or negative errno. */
static int run_directory(const char *path) {
        CLEANUP(close_directory) DIR *directory = opendir(path);
        const struct dirent *entry;
        int n = 0, r;

        if (!directory)
                return -errno;

        while ((entry = readdir(directory))) {
                r = run_file(dirfd(directory), entry->d_name);
                if (r < 0) {
                        (void) fprintf(stderr, "%s/%s: %s\n", path, entry->d_name, strerror(-r));
                        return r;
                }
                n += r;
        }

        return n;
}

int main(int argc, char **argv) {
        int n = 0, r;

        for (int i = 1; i < argc; i++) {
                r = run_directory(argv[i]);
                if (r < 0) {
                        (void) fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return EXIT_FAILURE;
                }
                n += r;
        }

        (void) printf("%d inputs\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
