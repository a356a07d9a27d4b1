/* SPDX-License-Identifier: Apache-2.0 */
#include "change/new.h"

#include <stdio.h>

#include "base/fs.h"
#include "change/change-parts.h"
#include "change/node-text.h"
#include "ctl/convert.h"
#include "runtime/spawn.h"
#include "schema/type.h"
#include "terminal/ask.h"

/* Values without an answer are absent. */
struct answers {
        struct str image, port, scale, domain;
        struct str path;    /* that answers when an instance is healthy */
        struct str command; /* of a health check that the image brings */
};

static void put_scalar(struct buf *out, struct str text, bool is_plain) {
        const struct node node = { .kind = NODE_SCALAR,
                                   .text = text,
                                   .plain = is_plain && !type_is_ambiguous(text) };

        node_put_inline(out, &node);
}

/* A key, or, if it has no value, an example of it as a comment. */
static void put_key(struct buf *out, const char *before, struct str value, const char *behind,
                    const char *example) {
        if (str_is_absent(value)) {
                buf_put(out, "# ");
                buf_put(out, example);
        } else {
                buf_put(out, before);
                put_scalar(out, value, true);
                buf_put(out, behind);
        }
        buf_put_char(out, '\n');
}

/* The definition, with comments. */
static struct str make_text(struct arena *a, struct str app, const struct answers *answers) {
        struct buf out = buf_in(a);
        bool is_command = str_is_absent(answers->path) && !str_is_absent(answers->command);

        buf_put(&out, "# The application ");
        buf_put_str(&out, app);
        buf_put(&out, ". pyservice.d(5) describes all keys; texts may contain {{ app_name }} and "
                      "others.\n\n# The image to run.\n");
        put_key(&out, "image: ", answers->image, "",
                arena_join(a, STR("image: registry.example.com/"), app, STR(":1.0")).p);
        buf_put(&out, "# command: [serve, --port, \"8000\"]\n\n# The port on which it listens in its "
                      "container.\n");
        put_key(&out, "port: ", answers->port, "", "port: 8000");
        buf_put(&out, "\n# The number of instances. 'pyservicectl scale' changes it without this file.\n");
        put_key(&out, "scale: ", str_is_absent(answers->scale) ? STR("1") : answers->scale, "", "");
        buf_put(&out, "\n# The health check. An instance gets requests once it is healthy, and is restarted "
                      "when it no longer is.\n");
        if (is_command)
                put_key(&out, "health: {command: ", answers->command, "}", "");
        else
                put_key(&out, "health: {http: ", answers->path, "}", "health: {http: /health}");
        buf_put(&out, "\n# The requests that HAProxy sends here.\n");
        put_key(&out, "proxy: {domains: [", answers->domain, "]}",
                arena_join(a, STR("proxy: {domains: ["), app, STR(".example.com]}")).p);
        buf_put_str(&out, arena_join(a, STR("\n# Its environment. 'pyservicectl secret set "), app,
                                     STR(" token' sets the secret.\n"
                                         "# env:\n"
                                         "#   LEVEL: info\n"
                                         "#   TOKEN: {secret: token}\n"
                                         "# secrets:\n"
                                         "#   token: {credential: "),
                                     app, STR(".token}\n")));
        buf_put_str(&out, arena_join(a,
                                     STR("\n# Data that it keeps in its own volume, and the resources that "
                                         "it may use.\n# volumes: [data:/var/lib/"),
                                     app, STR("]\n# resources: {memory: 512M, cpus: 1}\n")));
        return buf_str(&out);
}

/* Lines: ports, each with "/tcp" or the like; then the words of the health check. */
static const char inspected[] = "{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}\n{{with "
                                ".HealthCheck}}{{range .Test}}{{.}}\n{{end}}{{end}}";

static bool is_port(struct str text) {
        uint64_t n;

        return str_to_u64(text, 65535, &n) && n > 0;
}

static bool is_scale(struct str text) {
        uint64_t n;

        return str_to_u64(text, INSTANCES_MAX, &n);
}

static bool is_image(struct str text) {
        return type_accepts(KIND_IMAGE_REF, text);
}

static bool is_domain(struct str text) {
        return type_accepts(KIND_DOMAIN, text);
}

static bool is_path(struct str text) {
        return type_accepts(KIND_HTTP_PATH, text);
}

static void take_ports(struct str line, struct answers *ret) {
        struct str port, number;

        while (str_split(&line, ' ', &port)) {
                if (!str_has_suffix(port, STR("/tcp")))
                        continue;
                number = (struct str){ port.p, port.n - 4 };
                if (is_port(number) && str_is_absent(ret->port))
                        ret->port = number;
        }
}

/* "CMD-SHELL" and a command; or "CMD" and words, which are taken where a shell leaves them as they are. */
static void take_health(struct arena *a, struct str lines, struct answers *ret) {
        struct str kind, word, command = { NULL, 0 };

        if (!str_split(&lines, '\n', &kind) || (!str_is(kind, "CMD-SHELL") && !str_is(kind, "CMD")))
                return;

        while (str_split(&lines, '\n', &word)) {
                if (word.n == 0)
                        continue;
                if (str_is(kind, "CMD-SHELL") ? !str_is_absent(command)
                                              : !str_is_made_of(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"
                                                                      "MNOPQRSTUVWXYZ0123456789-_./:=,+@%"))
                        return;
                command = str_is_absent(command) ? word : arena_join(a, command, STR(" "), word);
        }
        if (!str_is_absent(command) && type_accepts(KIND_TEXT, command))
                ret->command = command;
}

/* Inspects an image of this machine, if it is present: its port and its health check. */
static void look(struct arena *a, struct str image, struct answers *ret) {
        struct str podman = spawn_find(a, "podman"), rest, ports;
        struct spawn_result result;

        if (str_is_absent(podman))
                return;
        if (spawn_run(a,
                      (const char *const[]){ podman.p, "image", "inspect", "--format", inspected, "--",
                                             arena_str(a, image).p, NULL },
                      &result) < 0 ||
            result.status != 0)
                return;

        rest = result.out;
        if (str_split(&rest, '\n', &ports))
                take_ports(ports, ret);
        if (!str_is_absent(rest))
                take_health(a, rest, ret);
}

/* Repeats the question until the answer is valid; an empty answer is the default, absent if there is none. */
static bool ask(struct arena *a, const char *question, bool (*is_good)(struct str), struct str *answer) {
        const char *prompt = arena_join(a, str_of(question), str_is_absent(*answer) ? STR("") : STR(" ["),
                                        *answer, str_is_absent(*answer) ? STR("") : STR("]"), STR(": "))
                                     .p;
        struct str line;

        while (ask_line(a, prompt, &line)) {
                if (line.n == 0 && (is_good != is_image || !str_is_absent(*answer)))
                        return true;
                if (is_good(line)) {
                        *answer = line;
                        return true;
                }
                (void) fputs(is_good == is_image    ? "  as in registry.example.com/shop:1.4\n"
                             : is_good == is_path   ? "  it begins with '/'\n"
                             : is_good == is_domain ? "  as in shop.example.com\n"
                                                    : "  a number\n",
                             stderr);
        }
        return false;
}

/* Prompts the user at the terminal for the rest. False if the user ends the input. */
static bool ask_all(struct arena *a, struct answers *answers) {
        bool is_given = !str_is_absent(answers->image);

        if (!ask(a, "Image to run", is_image, &answers->image))
                return false;
        if (!is_given)
                look(a, answers->image, answers);
        if (!ask(a, "Port that it listens on (empty for none)", is_port, &answers->port))
                return false;
        answers->scale = STR("1");
        if (!ask(a, "Instances", is_scale, &answers->scale) || str_is_absent(answers->port))
                return !str_is_absent(answers->scale);

        return ask(a, "Domain that leads to it (empty for none)", is_domain, &answers->domain) &&
               ask(a, "Path that answers when it is healthy (empty for none)", is_path, &answers->path);
}

static int refuse(const struct definition *d) {
        (void) fprintf(stderr,
                       "pyservicectl: %.*s is defined by %.*s; 'pyservicectl edit %.*s' changes that\n",
                       STR_ARG(d->name.text), STR_ARG(d->path), STR_ARG(d->name.text));
        return CTL_ERROR;
}

static void tell_next(struct ctl *c, struct str app, struct str path) {
        const char *user = c->is_user ? " --user" : "";

        (void) printf("%.*s written. Next:\n", STR_ARG(path));
        (void) printf("  pyservicectl%s edit %.*s   check it and change it\n", user, STR_ARG(app));
        (void) printf("  pyservicectl%s plan %.*s   show what a reload would do\n", user, STR_ARG(app));
        (void) printf("  pyservicectl%s apply %.*s  run it\n", user, STR_ARG(app));
}

static int write_text(struct changing *ch, struct str app, struct str text, mode_t mode) {
        struct ctl *c = ch->ctl;
        struct str path =
                arena_join(&c->arena, ch->before.world.places.definitions[0], STR("/"), app, STR(".yaml"));
        CLEANUP(close_fd) int locked = -1;
        int r;

        *vec_push(&c->arena, &ch->changes->list) = (struct change){ .app = app };
        *vec_push(&c->arena, &ch->files) = (struct changed_file){
                .app = app, .path = path, .after = text, .mode = mode, .is_new = true
        };
        r = change_lock(c, &locked);
        if (r == 0)
                r = change_check(ch);
        if (r == 0)
                r = change_write(ch);
        if (r == 0)
                tell_next(c, app, path);
        return r;
}

int new_write(struct ctl *c, new_make make, mode_t mode) {
        struct changes changes = { 0 };
        struct changing ch = { .ctl = c, .changes = &changes, .before.world.root = -1 };
        const struct definition *d;
        struct str app, text;
        int r, written;

        if (c->argc != 1)
                return ctl_usage(c, "give the name of the new application");
        app = str_of(c->argv[0]);
        if (!type_accepts(KIND_NAME, app)) {
                return ctl_usage(c, "invalid application name '%s'; %s", c->argv[0],
                                 type_of(KIND_NAME)->rule);
        }

        r = session_open(c, &ch.before);
        d = r == 0 ? session_find(&ch.before, app) : NULL;
        if (d)
                r = refuse(d);
        if (r == 0 && !str_is_absent(session_find_mask(&ch.before, app)))
                r = session_no_definition(c, &ch.before, app);
        if (r == 0)
                r = make(c, app, &text);
        if (r == 0 || r == CTL_LOST) {
                written = write_text(&ch, app, text, mode);
                r = written == 0 ? r : written;
        }
        session_close(&ch.before);
        return r;
}

static int answer(struct ctl *c, struct answers *ret) {
        const char *image = ctl_given(c, "image");
        bool has_machine = strcmp(c->root, "/") == 0;

        *ret = (struct answers){ .image = str_of(image) };
        if (image && !type_accepts(KIND_IMAGE_REF, ret->image)) {
                return ctl_usage(c, "invalid image '%s'; %s", image, type_of(KIND_IMAGE_REF)->rule);
        }
        if (image && has_machine)
                look(&c->arena, ret->image, ret);
        if (image)
                return 0;

        if (!ask_can()) {
                return ctl_usage(c, "standard input is not a terminal; give --image=IMAGE or --from=…");
        }
        return ask_all(&c->arena, ret) ? 0 : CTL_ERROR;
}

/* A new_make(). */
static int make(struct ctl *c, struct str app, struct str *ret) {
        struct answers answers;
        int r = answer(c, &answers);

        if (r == 0)
                *ret = make_text(&c->arena, app, &answers);
        return r;
}

int ctl_new(struct ctl *c) {
        bool is_converted = ctl_given(c, "from") != NULL;

        if (is_converted && ctl_given(c, "image"))
                return ctl_usage(c, "--from and --image exclude each other");
        return is_converted ? ctl_convert(c) : new_write(c, make, 0644);
}
