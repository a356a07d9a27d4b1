/* SPDX-License-Identifier: Apache-2.0 */

/* The helper that git calls for a password, in place of ssh, and to read a local repository: this program
 * again, with its orders in its environment. So neither a shell nor a command line contains a key, a password
 * or a host. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/walk.h"
#include "config.h"
#include "git/helper.h"
#include "runtime/spawn.h"
#include "systemd/credential.h"

enum { NOBODY = 65534 };

#define PROGRAM LIBEXECDIR "/pyservice-build"
#define UPLOAD_PACK "--upload-pack" /* git refuses an SSH host that begins with "-" */

static int set(const char *name, struct str value) {
        return setenv(name, value.p, 1) < 0 ? -1 : 0;
}

/* True if the repository is a path of this machine. */
static bool is_local(const struct git_clone *g) {
        return g->repository.p[0] == '/' || str_has_prefix(g->repository, STR("file://"));
}

struct str helper_upload_pack(const struct git_clone *g) {
        return is_local(g) ? STR(PROGRAM " " UPLOAD_PACK) : STR("git-upload-pack");
}

int helper_allow(const struct git_clone *g, bool is_repository) {
        bool is_file = is_repository && is_local(g);

        /* The repository chooses its submodules: they name neither files of this machine nor commands. */
        return set("GIT_ALLOW_PROTOCOL", is_file ? STR("file") : STR("https:http:ssh:git"));
}

int git_prepare(const struct git_clone *g) {
        int r = helper_allow(g, false);

        r |= set("LC_ALL", STR("C.UTF-8"));
        r |= set("GIT_TERMINAL_PROMPT", STR("0"));
        r |= set("GIT_SSH", STR(PROGRAM));
        r |= set("GIT_SSH_VARIANT", STR("ssh"));
        r |= set("GIT_ASKPASS", STR(PROGRAM));
        r |= set("PYSERVICE_BUILD_REPO", g->repository);
        r |= set("PYSERVICE_BUILD_KEY", str_is_absent(g->ssh_key) ? STR("") : g->ssh_key);
        r |= set("PYSERVICE_BUILD_CREDENTIAL", str_is_absent(g->credential) ? STR("") : g->credential);
        return r;
}

static int become_ssh(struct arena *a, int argc, char **argv) {
        struct str key = str_of(getenv("PYSERVICE_BUILD_KEY"));
        const char **words = arena_array(a, (size_t) argc + 16, const char *);
        size_t n = 0;

        words[n++] = spawn_find(a, "ssh").p;
        if (!words[0]) {
                (void) fputs("pyservice-build: ssh is not installed\n", stderr);
                return EXIT_SYSTEM;
        }
        words[n++] = "-oBatchMode=yes";
        words[n++] = "-oStrictHostKeyChecking=yes";
        words[n++] = "-oConnectTimeout=30";
        words[n++] = "-oServerAliveInterval=30";
        if (key.n > 0) {
                words[n++] = "-oIdentitiesOnly=yes";
                words[n++] = "-i";
                words[n++] = key.p;
        }
        for (int i = 1; i < argc; i++)
                words[n++] = argv[i];

        (void) execv(words[0], (char *const *) words);
        perror("pyservice-build: ssh");
        return EXIT_SYSTEM;
}

/* Gives the first owner of a part of this path that is not root: who may exchange what the path leads to.
 * That user cannot hide from here, because the parts above belong to root. Nobody, with the group, where more
 * than one user may. */
static void find_owner(struct arena *a, struct str path, struct stat *ret) {
        struct stat st;

        for (size_t i = 1; i <= path.n && ret->st_uid == 0; i++)
                if ((i == path.n || path.p[i] == '/') &&
                    lstat(arena_str(a, (struct str){ path.p, i }).p, &st) == 0) {
                        *ret = st;
                        /* As `git init --shared=group` makes it. */
                        if (st.st_uid == 0 && S_ISDIR(st.st_mode) && !(st.st_mode & S_ISVTX) &&
                            walk_is_shared(&st))
                                ret->st_uid = NOBODY;
                }
}

/* git-upload-pack(1) finds a repository under these names. */
static void find_repository_owner(struct arena *a, struct str repository, struct stat *ret) {
        const struct str suffixes[] = { STR(""), STR("/.git"), STR(".git") };

        *ret = (struct stat){ 0 };
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                struct str path = arena_join(a, repository, suffixes[i]);
                char *real = realpath(path.p, NULL);

                find_owner(a, path, ret);
                if (real)
                        find_owner(a, str_of(real), ret);
                free(real);
        }
}

/* Becomes that user, with the user's groups. */
static int become(const struct stat *owner) {
        const struct passwd *user = owner->st_uid == NOBODY ? NULL : getpwuid(owner->st_uid);
        gid_t group = user ? user->pw_gid : owner->st_gid;

        if ((user ? initgroups(user->pw_name, group) : setgroups(0, NULL)) < 0 || setgid(group) < 0 ||
            setuid(owner->st_uid) < 0)
                return -errno;

        /* Root's own configuration of git is not for that user. */
        (void) unsetenv("HOME");
        (void) unsetenv("XDG_CONFIG_HOME");
        return 0;
}

/* The owner of a repository decides which files git reads for it (alternates, links): so git reads them as
 * that user, not as root. git-config(1), safe.directory: git refuses a repository of another user, and obeys
 * an exception in the configuration of the machine, of the user or of the command only. This one is for a
 * process that opens no other repository. It has to be given here, because git clears GIT_CONFIG_COUNT and
 * the "-c" of `git fetch` from the environment of this process. A repository of root needs no exception. */
static int become_reader(struct arena *a, const char *repository) {
        const char *git = spawn_find(a, "git").p;
        const char *argv[] = { git, "-c", "safe.directory=*", "upload-pack", repository, NULL };
        const char **words = argv;
        struct stat owner;
        int r = 0;

        find_repository_owner(a, str_of(repository), &owner);
        if (geteuid() == 0 && owner.st_uid != 0) {
                r = become(&owner);
        } else {
                words = argv + 2;
                words[0] = git;
        }
        if (r >= 0 && chdir("/") < 0)
                r = -errno;
        if (r >= 0 && !git)
                r = -ENOENT;
        if (r >= 0) {
                (void) execv(git, (char *const *) words);
                r = -errno;
        }

        (void) fprintf(stderr, "pyservice-build: cannot read %s as its owner: %s\n", repository,
                       strerror(-r));
        return EXIT_SYSTEM;
}

/* "https://git.example.com:8443" of a URL, without the user. For a URL in a question of git, absent if an "@"
 * is behind the host: it may be a part of a user's name, which git before 2.48.1 writes unescaped into its
 * question. */
static struct str origin_of(struct arena *a, struct str url, bool is_asked) {
        size_t scheme = str_find_str(url, STR("://")), end;
        struct str host;

        if (scheme == url.n)
                return (struct str){ 0 };

        host = str_from(url, scheme + 3);
        end = str_find(host, '/');
        if (is_asked && str_find(str_from(host, end), '@') < host.n - end)
                return (struct str){ 0 };
        host.n = end;
        while (str_find(host, '@') < host.n)
                host = str_from(host, str_find(host, '@') + 1);
        return arena_join(a, (struct str){ url.p, scheme }, STR("://"), host);
}

/* The URL of git's question: a user's name in it may hold a quote as well. */
static struct str url_of(struct str question) {
        size_t open = str_find(question, '\'');
        struct str url = { question.p, question.n };

        while (url.n > open && url.p[url.n - 1] != '\'')
                url.n--;
        return url.n <= open + 1 ? (struct str){ 0 } : (struct str){ url.p + open + 1, url.n - open - 2 };
}

/* git asks "Username for 'URL': " and "Password for 'URL': ". The credential is for the repository's own
 * server: a submodule's, or one that it redirects to, must not get it. */
static int answer(struct arena *a, const char *question) {
        struct str text = str_of(question), name = str_of(getenv("PYSERVICE_BUILD_CREDENTIAL")), value;
        struct str repo = origin_of(a, str_of(getenv("PYSERVICE_BUILD_REPO")), false), url = url_of(text);
        struct credential_places places = { .root = "",
                                            .directory = getenv("CREDENTIALS_DIRECTORY"),
                                            .is_user = getuid() != 0 };
        size_t colon;
        int r;

        if (name.n == 0 || str_is_absent(repo) || str_is_absent(url) ||
            !str_eq(origin_of(a, url, true), repo))
                return 1;

        r = credential_read(a, &places, name, &value);
        if (r != 0) {
                (void) fprintf(stderr, "pyservice-build: cannot read the credential '%.*s': %s\n",
                               STR_ARG(name), r > 0 ? value.p : strerror(-r));
                return 1;
        }

        while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r'))
                value.n--;
        colon = str_find(value, ':');
        if (str_has_prefix(text, STR("Username")))
                value = colon < value.n ? (struct str){ value.p, colon } : STR("token");
        else if (colon < value.n)
                value = str_from(value, colon + 1);
        return printf("%.*s\n", STR_ARG(value)) < 0 ? EXIT_SYSTEM : 0;
}

bool git_is_helper(void) {
        return getenv("PYSERVICE_BUILD_REPO");
}

int git_help(struct arena *a, int argc, char **argv) {
        if (argc == 3 && strcmp(argv[1], UPLOAD_PACK) == 0)
                return become_reader(a, argv[2]);

        return argc == 2 ? answer(a, argv[1]) : become_ssh(a, argc, argv);
}
