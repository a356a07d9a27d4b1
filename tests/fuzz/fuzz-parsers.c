/* SPDX-License-Identifier: Apache-2.0 */

/* Every parser of bytes that this process did not write: one program, and $FUZZ_TARGET names the row of the table that
 * it runs. A row names the files of a machine in a temporary directory that hold the input. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "parsers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES_MAX = 12 };

static const struct target {
        const char *name;
        void (*run)(struct fuzz *f);
        const char *files[FILES_MAX];
} targets[] = {
        { "definition", fuzz_definition, { "etc/pyservice.d/fuzz.yaml" } },
        { "drop-in", fuzz_definition, { "etc/pyservice.d/fuzz.yaml.d/10-fuzz.yaml" } },
        { "contract", fuzz_definition, { "etc/pyservice/contracts/fuzz.yaml" } },
        { "host", fuzz_definition, { "etc/pyservice/host.yaml" } },
        { "machine", fuzz_machine, { "etc/containers/systemd/fuzz.network", "etc/containers/systemd/fuzz.volume",
                                     "etc/containers/registries.conf", "etc/containers/storage.conf",
                                     "etc/default/haproxy", "etc/haproxy/haproxy.cfg" } },
        { "compose", fuzz_compose, { "in/compose.yaml" } },
        { "compose-env", fuzz_compose_env, { "env/.env" } },
        { "quadlet", fuzz_quadlet, { "in/web@.container", "in/shop.container", "in/shop.volume", "in/shop.network",
                                     "in/shop.image", "in/shop.build", "in/shop.pod", "in/shop.kube" } },
        { "ansible", fuzz_ansible, { "in/vars.yml" } },
        { "dci-api", fuzz_dci_api, { "in/vars.yml" } },
        { "state", fuzz_state, { "shop/state", "shop/history", "shop/stopped", "stopped/shop", "shop/manifest",
                                 "shop/stamp", "shop/start", "apps/shop/ports", "apps/shop/revision",
                                 "shop/maintenance" } },
        { "json", fuzz_json, { NULL } },
        { "kms", fuzz_kms, { "credentials" } },
        { "podman", fuzz_podman, { NULL } },
        { "messages", fuzz_messages, { NULL } },
        { "haproxy", fuzz_haproxy, { "state-file" } },
        { "front", fuzz_front, { NULL } },
        { "journal", fuzz_journal, { NULL } },
        { "http", fuzz_http, { NULL } },
        { "system", fuzz_system, { NULL } },
};

static const struct target *target;
static struct fuzz fuzz = { .root = -1 };
static int input = -1;

void require_clean(struct str text) {
        unsigned n;
        uint32_t c;

        for (size_t at = 0; at < text.n; at += n) {
                n = utf8_decode(text, at, &c);
                require(n > 0 && (c == '\n' || c == '\t' || !utf8_is_control(c)));
        }
}

/* What the input stands among. */
static const char *const fixed[][2] = {
        { "etc/pyservice.d/fuzz.yaml",
          "image: registry.example.com/fuzz:1\nport: 8000\nscale: 2\ncontract: fuzz\n"
          "config: {name: x, url: 'https://example.com/', flag: 'true', token: {secret: token}}\n"
          "secrets: {token: {credential: fuzz.token}}\nhealth: /healthz\nuser: fuzz\n"
          "network: fuzz.network\nvolumes: ['fuzz.volume:/data']\nfiles: [{dest: '{{ app_config }}', content: x}]\n"
          "proxy: {domains: [fuzz.example.com]}\n" },
        { "etc/pyservice/contracts/fuzz.yaml",
          "variables:\n  - {name: name, env: NAME, required: true}\n  - {name: url, env: URL, type: url}\n"
          "  - {name: flag, env: FLAG, type: boolean}\n  - {name: token, env: TOKEN, secret: true}\n" },
        { "etc/pyservice/host.yaml", "ports: {first: 20000, last: 20100}\n" },
        { "etc/containers/systemd/fuzz.network", "[Network]\nSubnet=10.89.7.0/24\n" },
        { "etc/containers/systemd/fuzz.volume", "[Volume]\n" },
        { "etc/hostname", "fuzz\n" },
        { "env/compose.yaml",
          "name: $A\nservices: {a: {image: 'x:${TAG:-1}', command: '$A ${B} ${C:?c} ${A:+${B-b}}', "
          "environment: {PASSWORD: '${PASSWORD}', E: 'x ${PASSWORD} ${E}', A: }, volumes: ['${DIR:-./d}:/d']}}\n" },
};

static void remove_machine(void) {
        (void) fs_remove_tree(AT_FDCWD, fuzz.path);
}

static void put(const char *path, struct str text) {
        require(fs_make_dirs(fuzz.root, path, true) == 0 && fs_replace(fuzz.root, path, 0644, text) == 0);
}

/* The files of the target are one file with several names: an input is written once. */
static void make_machine(void) {
        static char path[PATH_MAX];
        const char *parent = getenv("TMPDIR");

        (void) snprintf(path, sizeof(path), "%s/pyservice-fuzz-XXXXXX", parent ? parent : "/tmp");
        fuzz.path = mkdtemp(path);
        require(fuzz.path && atexit(remove_machine) == 0);
        fuzz.root = fs_open_dir(AT_FDCWD, fuzz.path);
        require(fuzz.root >= 0);
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                put(fixed[i][0], str_of(fixed[i][1]));

        put("input", STR(""));
        input = openat(fuzz.root, "input", O_RDWR | O_CLOEXEC);
        require(input >= 0);
        for (size_t i = 0; i < FILES_MAX && target->files[i]; i++) {
                require(fs_make_dirs(fuzz.root, target->files[i], true) == 0);
                require(unlinkat(fuzz.root, target->files[i], 0) == 0 || errno == ENOENT);
                require(linkat(fuzz.root, "input", fuzz.root, target->files[i], 0) == 0);
        }
}

static void begin(void) {
        const char *name = getenv("FUZZ_TARGET");

        for (size_t i = 0; name && i < ARRAY_SIZE(targets); i++)
                if (strcmp(targets[i].name, name) == 0)
                        target = &targets[i];
        if (!target) {
                (void) fputs("FUZZ_TARGET is not one of:", stderr);
                for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
                        (void) fprintf(stderr, " %s", targets[i].name);
                (void) fputc('\n', stderr);
                exit(EXIT_FAILURE);
        }

        (void) umask(022);
        make_machine();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *copy = malloc(size > 0 ? size : 1);

        require(copy != NULL);
        if (size > 0)
                memcpy(copy, data, size);
        if (!target)
                begin();

        require(ftruncate(input, 0) == 0 && pwrite(input, copy, size, 0) == (ssize_t) size);
        fuzz.text = (struct str) { copy, size };
        fake_programs_say(fuzz.text);
        fake_journal_hold(fuzz.text);
        target->run(&fuzz);

        arena_done(&fuzz.arena);
        free(copy);
        return 0;
}
