/* SPDX-License-Identifier: Apache-2.0 */

/* What git calls for a password, and in place of ssh: this program again, told by its environment. So neither a shell nor a command line
 * sees a key, a password or a host. */

#include <stdio.h>
#include <unistd.h>

#include "config.h"
#include "hooks/credential.h"
#include "image/build.h"
#include "runtime/spawn.h"

#define PROGRAM LIBEXECDIR "/pyservice-build"

static int set(const char *name, struct str value) {
        return setenv(name, value.p, 1) < 0 ? -1 : 0;
}

int helper_prepare(const struct build *b) {
        bool is_local = b->repo.p[0] == '/' || str_has_prefix(b->repo, STR("file://"));
        int r = 0;

        r |= set("LC_ALL", STR("C.UTF-8"));
        r |= set("GIT_TERMINAL_PROMPT", STR("0"));
        /* Submodules are the repository's to choose: they must not name files of this machine, nor commands. */
        r |= set("GIT_ALLOW_PROTOCOL", is_local ? STR("https:http:ssh:git:file") : STR("https:http:ssh:git"));
        r |= set("GIT_SSH", STR(PROGRAM));
        r |= set("GIT_SSH_VARIANT", STR("ssh"));
        r |= set("GIT_ASKPASS", STR(PROGRAM));
        r |= set("PYSERVICE_BUILD_REPO", b->repo);
        r |= set("PYSERVICE_BUILD_KEY", str_is_absent(b->ssh_key) ? STR("") : b->ssh_key);
        r |= set("PYSERVICE_BUILD_CREDENTIAL", str_is_absent(b->credential) ? STR("") : b->credential);
        return r;
}

int helper_ssh(struct arena *a, int argc, char **argv) {
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

/* "https://git.example.com:8443" of a URL, without the user. */
static struct str origin_of(struct arena *a, struct str url) {
        size_t scheme = str_find_str(url, STR("://"));
        struct str host, at;

        if (scheme == url.n)
                return (struct str) { 0 };

        host = str_from(url, scheme + 3);
        host.n = str_find(host, '/');
        at = str_from(host, str_find(host, '@') < host.n ? str_find(host, '@') + 1 : 0);
        return arena_join(a, (struct str) { url.p, scheme }, STR("://"), at);
}

/* git asks "Username for 'URL': " and "Password for 'URL': ". The credential is for the repository's own server: a submodule's, or one that
 * it redirects to, must not get it. */
int helper_ask(struct arena *a, const char *question) {
        struct str text = str_of(question), name = str_of(getenv("PYSERVICE_BUILD_CREDENTIAL")), url, value;
        struct str repo = origin_of(a, str_of(getenv("PYSERVICE_BUILD_REPO")));
        struct credential_places places = { .root = "", .directory = getenv("CREDENTIALS_DIRECTORY"), .is_user = getuid() != 0 };
        size_t open = str_find(text, '\''), colon;
        int r;

        if (name.n == 0 || open == text.n)
                return 1;
        url = str_from(text, open + 1);
        url.n = str_find(url, '\'');
        if (str_is_absent(repo) || !str_eq(origin_of(a, url), repo))
                return 1;

        r = credential_read(a, &places, name, &value);
        if (r != 0) {
                (void) fprintf(stderr, "pyservice-build: the credential '%.*s' can't be read: %s\n", STR_ARG(name), r > 0 ? value.p : strerror(-r));
                return 1;
        }

        while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r'))
                value.n--;
        colon = str_find(value, ':');
        if (str_has_prefix(text, STR("Username")))
                value = colon < value.n ? (struct str) { value.p, colon } : STR("token");
        else if (colon < value.n)
                value = str_from(value, colon + 1);
        return printf("%.*s\n", STR_ARG(value)) < 0 ? EXIT_SYSTEM : 0;
}
