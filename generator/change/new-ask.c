/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "change/new.h"
#include "runtime/spawn.h"
#include "terminal/ask.h"

/* Lines: ports, each with "/tcp" or the like; then the words of the health check. */
static const char format[] = "{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}\n{{with "
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

static void take_ports(struct str line, struct new_answers *ret) {
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
static void take_health(struct arena *a, struct str lines, struct new_answers *ret) {
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

void new_look(struct arena *a, struct str image, struct new_answers *ret) {
        struct str podman = spawn_find(a, "podman"), rest, ports;
        struct spawn_result result;

        if (str_is_absent(podman))
                return;
        if (spawn_run(a,
                      (const char *const[]){ podman.p, "image", "inspect", "--format", format, "--",
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

bool new_ask(struct arena *a, struct new_answers *answers) {
        bool is_given = !str_is_absent(answers->image);

        if (!ask(a, "Image to run", is_image, &answers->image))
                return false;
        if (!is_given)
                new_look(a, answers->image, answers);
        if (!ask(a, "Port that it listens on (empty for none)", is_port, &answers->port))
                return false;
        answers->scale = STR("1");
        if (!ask(a, "Instances", is_scale, &answers->scale) || str_is_absent(answers->port))
                return !str_is_absent(answers->scale);

        return ask(a, "Domain that leads to it (empty for none)", is_domain, &answers->domain) &&
               ask(a, "Path that answers when it is healthy (empty for none)", is_path, &answers->path);
}
