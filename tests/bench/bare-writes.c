/* SPDX-License-Identifier: Apache-2.0 */

/* What the benchmark measures with, and against:
 *
 *     bare-writes write FROM TO        writes the files of the generator directory FROM to TO/units and links them into
 *                                      TO/links, as any generator has to: microseconds for it, and of processor time
 *     bare-writes link FROM TO         the same, but only the links are timed
 *     bare-writes measure PROGRAM …    runs it: microseconds, those of processor time, the most memory (KiB) that it or
 *                                      a process that it started and waited for had at a time, and its exit code. From
 *                                      a small process, since a child begins with its parent's peak
 *     bare-writes -no-kmsg-log … DIR   is a Quadlet that takes no memory to speak of: it copies what it reads
 *
 * Sources are not counted: FROM is read before the clock starts. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct file {
        char *path, *text;
        size_t n;
        int is_directory;
};

static struct {
        struct file *at;
        size_t n, room;
} files;

static _Noreturn void die(const char *what) {
        (void) fprintf(stderr, "bare-writes: %s: %s\n", what, strerror(errno));
        exit(111);
}

static double now(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}

static double usec_of(const struct timeval *tv) {
        return (double) tv->tv_sec * 1e6 + (double) tv->tv_usec;
}

static struct file *add_file(const char *path) {
        struct file *file;

        if (files.n == files.room) {
                files.room = files.room > 0 ? files.room * 2 : 64;
                files.at = realloc(files.at, files.room * sizeof(struct file));
        }
        if (!files.at)
                die("memory");

        file = &files.at[files.n++];
        *file = (struct file) { .path = strdup(path) };
        return file;
}

static void load_text(int dir, const char *name, struct file *file) {
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                die(file->path);

        file->n = (size_t) st.st_size;
        file->text = malloc(file->n + 1);
        if (!file->text || read(fd, file->text, file->n) != (ssize_t) file->n)
                die(file->path);
        (void) close(fd);
}

static void load(int dir, const char *prefix) {
        DIR *d = fdopendir(dir);
        char path[PATH_MAX];

        if (!d)
                die(prefix);

        for (struct dirent *e; (e = readdir(d));) {
                struct file *file;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                (void) snprintf(path, sizeof(path), "%s%s", prefix, e->d_name);
                file = add_file(path);
                if (e->d_type != DT_DIR) {
                        load_text(dir, e->d_name, file);
                        continue;
                }

                file->is_directory = 1;
                (void) snprintf(path, sizeof(path), "%s%s/", prefix, e->d_name);
                load(openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
        }

        (void) closedir(d);
}

static void write_one(int dir, const struct file *file) {
        int fd;

        if (file->is_directory) {
                if (mkdirat(dir, file->path, 0755) < 0)
                        die(file->path);
                return;
        }

        fd = openat(dir, file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || write(fd, file->text, file->n) != (ssize_t) file->n || close(fd) < 0)
                die(file->path);
}

static void link_one(int units, int links, const struct file *file) {
        if (file->is_directory ? mkdirat(links, file->path, 0755) < 0 : linkat(units, file->path, links, file->path, 0) < 0)
                die(file->path);
}

static int open_new(int dir, const char *name) {
        int fd;

        if (mkdirat(dir, name, 0755) < 0)
                die(name);
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                die(name);
        return fd;
}

struct clocks {
        double wall, cpu;
};

static struct clocks read_clocks(void) {
        return (struct clocks) { now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID) };
}

static int run_writes(const char *from, const char *to, int is_write_timed) {
        int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), target, units, links;
        struct clocks start, end;

        if (source < 0)
                die(from);
        load(source, "");
        target = open_new(AT_FDCWD, to);
        units = open_new(target, "units");
        links = open_new(target, "links");

        start = read_clocks();
        for (size_t i = 0; i < files.n; i++)
                write_one(units, &files.at[i]);
        if (!is_write_timed)
                start = read_clocks();
        for (size_t i = 0; i < files.n; i++)
                link_one(units, links, &files.at[i]);
        end = read_clocks();

        (void) printf("%.0f %.0f\n", end.wall - start.wall, end.cpu - start.cpu);
        return 0;
}

static int run_measure(char **argv) {
        double start = now(CLOCK_MONOTONIC);
        struct rusage usage;
        int status;
        pid_t pid = fork();

        if (pid < 0)
                die("fork");
        if (pid == 0) {
                (void) execv(argv[0], argv);
                die(argv[0]);
        }
        if (wait4(pid, &status, 0, &usage) != pid)
                die("wait4");

        (void) printf("%.0f %.0f %ld %d\n", now(CLOCK_MONOTONIC) - start, usec_of(&usage.ru_utime) + usec_of(&usage.ru_stime),
                      usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        return 0;
}

static void convert(int in, int out, const char *name) {
        static const char *const suffixes[][2] = {
                { ".container", ".service" }, { ".image", "-image.service" },
                { ".network", "-network.service" }, { ".volume", "-volume.service" },
        };
        const char *dot = strrchr(name, '.');
        char unit[NAME_MAX + 32];
        struct file file = { .path = unit };

        for (size_t i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
                if (strcmp(dot, suffixes[i][0]) != 0)
                        continue;
                (void) snprintf(unit, sizeof(unit), "%.*s%s", (int) (dot - name), name, suffixes[i][1]);
                load_text(in, name, &file);
                write_one(out, &file);
                free(file.text);
        }
}

static int run_quadlet(const char *from, const char *to) {
        DIR *d = opendir(from);
        int out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (!d || out < 0)
                die(from);
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.')
                        convert(dirfd(d), out, e->d_name);
        return 0;
}

int main(int argc, char **argv) {
        const char *verb = argc > 1 ? argv[1] : "";

        if (strcmp(verb, "-no-kmsg-log") == 0 && getenv("QUADLET_UNIT_DIRS"))
                return run_quadlet(getenv("QUADLET_UNIT_DIRS"), argv[argc - 1]);
        if (strcmp(verb, "measure") == 0 && argc > 2)
                return run_measure(argv + 2);
        if ((strcmp(verb, "write") == 0 || strcmp(verb, "link") == 0) && argc == 4)
                return run_writes(argv[2], argv[3], verb[0] == 'w');

        (void) fputs("usage: bare-writes write|link FROM TO, or measure PROGRAM …\n", stderr);
        return 2;
}
