/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-instance: what an instance's unit does besides running its container. */

#include <errno.h>

#include "base/utf8.h"
#include "hooks/instance.h"
#include "hooks/watch.h"
#include "programs/usage.h"

static const char usage_text[] =
        "usage: pyservice-instance before|ready|enter|drain|leave|watch OPTION… [-- COMMAND…]\nWaits until "
        "an instance answers, "
        "enables and disables its server in HAProxy, and restarts instances that no longer answer. Units "
        "that the generator writes run it.\n  --server=BACKEND/SERVER      in HAProxy\n  --socket=PATH "
        "--master=PATH  HAProxy's sockets\n  --states=PATH --id=N         the file of the backend's servers "
        "that are ready, and the backend's number in it\n  --nginx=PATH --nginx-unit=UNIT\n                  "
        "             "
        "instead: the file with its server's line, which nginx includes; nginx's unit\n  --drain=MS          "
        "         "
        "how long open requests may take\n  --port=PORT                  where it is to take connections\n  "
        "--container-port=PORT        that port in its container, for messages\n  "
        "--path=PATH --status=CODES   and what it is to answer there\n  --header='NAME: VALUE'… --tls\n      "
        "                         "
        "how it is asked\n  --health-port=PORT           asked at another port; --published: HAProxy does "
        "not reach that one\n  --interval=MS --timeout=MS --start-period=MS --retries=N\n  --container=NAME "
        "--network=NAME\n                               ask the container's own address on that network\n  "
        "--shared-network             other containers are in that network too\n  "
        "--name=CONTAINER             ready: stop it through Podman at SIGTERM; --health: wait until Podman "
        "finds it healthy\n  --record=PATH --settled=MS   where its last start and stop are noted; after "
        "how long a start counts as good\n  --own-check                  HAProxy checks something else\n  "
        "--watch=PATH                 ready: where to leave how it is asked; watch: the directory of such "
        "files\n  --user                       of the user's own systemd\n  --unit=UNIT --image=IMAGE    "
        "before: "
        "run COMMAND in a container like that of UNIT; ready, drain: run it in the container\n  --as=USER    "
        "                of "
        "COMMAND\n  --limit=MS   "
        "  "
        "              drain: how long COMMAND may take\n";

struct verb {
        const char *name;
        int (*run)(struct instance *i);
};

static void say(struct str text) {
        struct arena scratch = { 0 };

        (void) fprintf(stderr, "%s\n", utf8_clean(&scratch, text).p);
        arena_done(&scratch);
}

static int watch(struct instance *i) {
        struct watch w = { .arena = i->arena, .directory = i->watch, .is_user = i->is_user, .say = say };

        return i->watch ? watch_run(&w) : -EINVAL;
}

static const struct verb verbs[] = {
        { "before", instance_before }, { "ready", instance_ready }, { "enter", instance_enter },
        { "drain", instance_drain },   { "leave", instance_leave }, { "watch", watch },
};

static const struct option options[] = {
        { "server", required_argument, NULL, 's' },
        { "socket", required_argument, NULL, 'S' },
        { "master", required_argument, NULL, 'M' },
        { "states", required_argument, NULL, 'f' },
        { "id", required_argument, NULL, 'n' },
        { "drain", required_argument, NULL, 'd' },
        { "path", required_argument, NULL, 'p' },
        { "header", required_argument, NULL, 'H' },
        { "tls", no_argument, NULL, 'T' },
        { "health-port", required_argument, NULL, 'O' },
        { "published", no_argument, NULL, 'B' },
        { "status", required_argument, NULL, 'c' },
        { "port", required_argument, NULL, 'P' },
        { "container-port", required_argument, NULL, 'k' },
        { "interval", required_argument, NULL, 'i' },
        { "timeout", required_argument, NULL, 't' },
        { "start-period", required_argument, NULL, 'b' },
        { "retries", required_argument, NULL, 'r' },
        { "container", required_argument, NULL, 'C' },
        { "network", required_argument, NULL, 'N' },
        { "shared-network", no_argument, NULL, 'm' },
        { "own-check", no_argument, NULL, 'o' },
        { "nginx", required_argument, NULL, 'x' },
        { "nginx-unit", required_argument, NULL, 'X' },
        { "name", required_argument, NULL, 'e' },
        { "health", no_argument, NULL, 'l' },
        { "record", required_argument, NULL, 'R' },
        { "settled", required_argument, NULL, 'g' },
        { "watch", required_argument, NULL, 'w' },
        { "user", no_argument, NULL, 'u' },
        { "limit", required_argument, NULL, 'L' },
        { "unit", required_argument, NULL, 'U' },
        { "image", required_argument, NULL, 'I' },
        { "as", required_argument, NULL, 'a' },
        USAGE_OPTIONS,
        { 0 },
};

static bool take_server(struct instance *i, struct str text) {
        struct str rest = text;

        i->server.balancer = &balancer_haproxy;
        (void) str_split(&rest, '/', &i->server.haproxy.backend);
        i->server.haproxy.server = rest;
        return i->server.haproxy.backend.n > 0 && rest.n > 0 && str_find(rest, '/') == rest.n &&
               str_find(text, ' ') == text.n && str_find(text, ';') == text.n;
}

/* systemd resolves a variable that a reload took away to nothing (render/service.c). */
static bool take_port(struct instance *i, struct str text) {
        i->is_unwanted = text.n == 0;
        return i->is_unwanted || str_to_u64(text, UINT16_MAX, &i->port);
}

static bool take_number(struct instance *i, int option, struct str text) {
        uint64_t *member = option == 'd'   ? &i->server.drain
                           : option == 'g' ? &i->settled
                           : option == 'n' ? &i->server.states.id
                           : option == 'L' ? &i->limit
                           : option == 'O' ? &i->request.port
                           : option == 'k' ? &i->request.container_port
                           : option == 't' ? &i->request.timeout_ms
                           : option == 'i' ? &i->probe.interval
                           : option == 'b' ? &i->probe.start_period
                                           : &i->probe.retries;

        return str_to_u64(text, option == 'O' || option == 'k' ? UINT16_MAX : UINT64_MAX, member);
}

static bool take_header(struct instance *i, struct str text) {
        *vec_push(i->arena, &i->request.headers) = text;
        return http_is_header(text);
}

static bool take_flag(struct instance *i, int option) {
        if (option == 'T')
                i->request.is_tls = true;
        else if (option == 'u')
                i->is_user = true;
        else if (option == 'm')
                i->has_shared_network = true;
        else
                i->has_own_check = true;
        i->is_published = i->is_published || option == 'B';
        return true;
}

/* Settings that instances without a port have, too. */
static bool take_common(struct instance *i, int option, const char *value) {
        switch (option) {
        case 'e':
                i->name = str_of(value);
                return true;
        case 'l':
                return i->has_health = true;
        case 'U':
                i->unit = str_of(value);
                return true;
        case 'I':
                i->image = str_of(value);
                return true;
        case 'a':
                i->as = str_of(value);
                return true;
        case 'R':
                i->record = value;
                return value[0] == '/';
        default:
                return value ? take_number(i, option, str_of(value)) : take_flag(i, option);
        }
}

static bool take(struct instance *i, int option, const char *value) {
        switch (option) {
        case 's':
                return take_server(i, str_of(value));
        case 'S':
                i->server.haproxy.socket = value;
                return true;
        case 'M':
                i->server.haproxy.master = value;
                return true;
        case 'f':
                i->server.states.path = value;
                return value[0] == '/';
        case 'x':
                i->server.balancer = &balancer_nginx;
                i->server.path = str_of(value);
                return value[0] == '/';
        case 'X':
                i->server.unit = str_of(value);
                return true;
        case 'P':
                return take_port(i, str_of(value));
        case 'p':
                i->request.path = str_of(value);
                return value[0] == '/';
        case 'H':
                return take_header(i, str_of(value));
        case 'c':
                i->codes = str_of(value);
                return true;
        case 'C':
                i->container = str_of(value);
                return true;
        case 'N':
                i->network = str_of(value);
                return true;
        case 'w':
                i->watch = value;
                return value[0] == '/';
        default:
                return take_common(i, option, value);
        }
}

static int run(struct instance *i, const struct verb *verb) {
        int r;

        if (i->is_unwanted) {
                (void) fputs("pyservice-instance: no longer desired: a reload removed its port\n", stderr);
                return EXIT_SUCCESS;
        }

        r = verb->run(i);

        VEC_EACH(text, &i->notes)
                (void) fprintf(stderr, "%s: %.*s\n",
                               i->server.haproxy.server.n > 0 ? i->server.haproxy.server.p
                                                              : "pyservice-instance",
                               STR_ARG(utf8_clean(i->arena, *text)));
        if (r < 0)
                (void) fprintf(stderr, "pyservice-instance: cannot %s: %s\n", verb->name, strerror(-r));
        return r < 0 ? EXIT_SYSTEM : r > 0 ? EXIT_USER : EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        struct arena arena = { 0 };
        struct instance instance = {
                .arena = &arena,
                .server = { .arena = &arena, .haproxy.arena = &arena, .states.arena = &arena, .process = -1 },
                .codes = STR_INIT("200-399"),
                .request.timeout_ms = 5000,
                .probe = { .interval = 5000, .start_period = 10000, .retries = 5 },
        };

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
                if (c == 'h' || c == 'v')
                        return usage_answer(c, usage_text);
                if (c == '?' || !take(&instance, c, optarg))
                        return usage_answer('?', usage_text);
        }

        if (instance.request.port == 0)
                instance.request.port = instance.port;
        else
                instance.request.container_port = 0; /* --health-port is one of the container already */
        if (argc - optind > 1)
                instance.command = (const char *const *) argv + optind + 1;
        for (size_t k = 0; argc - optind >= 1 && k < ARRAY_SIZE(verbs); k++)
                if (strcmp(argv[optind], verbs[k].name) == 0)
                        return run(&instance, &verbs[k]);

        return usage_answer('?', usage_text);
}
