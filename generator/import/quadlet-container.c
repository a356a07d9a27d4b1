/* SPDX-License-Identifier: Apache-2.0 */

/* The keys of [Container]. */

#include "app/resolve.h"
#include "import/quadlet.h"

struct key {
        const char *name;
        const char *map, *to; /* the definition's key, perhaps in a map */
        bool is_number;
        void (*put)(struct quadlet_import *q, const struct unit_line *line);
};

/* An empty value takes back those before it. */
static struct yaml_text *list_for(struct quadlet_import *q, const char *key, const struct unit_line *line) {
        struct yaml_text *list =
                line->value.n > 0 ? quadlet_list(q, key) : yaml_text_find(q->part->map, str_of(key));

        if (line->value.n == 0 && list)
                list->items.n = 0;
        return list;
}

static void put_words(struct quadlet_import *q, const struct unit_line *line, const char *key) {
        struct unit_words words = unit_split(q->draft.arena, line->value);
        struct yaml_text *list = quadlet_list(q, key);

        list->items.n = 0;
        if (words.is_broken)
                quadlet_drop(q, line);
        VEC_EACH(word, &words.list)
                (void) yaml_text_add_text(q->draft.arena, list, quadlet_text(q, line, *word));
}

static void put_exec(struct quadlet_import *q, const struct unit_line *line) {
        put_words(q, line, "command");
}

/* Podman takes one word, or a list in JSON. */
static void put_entrypoint(struct quadlet_import *q, const struct unit_line *line) {
        if (line->value.n == 0)
                (void) yaml_text_put_text(q->draft.arena, q->part->map, STR("entrypoint"), STR(""));
        else if (line->value.p[0] == '[')
                quadlet_drop(q, line);
        else
                (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, "entrypoint"),
                                          quadlet_text(q, line, line->value));
}

static void put_pairs(struct quadlet_import *q, const struct unit_line *line, const char *key) {
        struct unit_words words = unit_split(q->draft.arena, line->value);
        struct yaml_text *map = quadlet_map(q, key);

        if (line->value.n == 0)
                map->items.n = 0;
        VEC_EACH(word, &words.list) {
                size_t sign = str_find(*word, '=');

                if (sign == word->n)
                        quadlet_drop(q, line);
                else
                        (void) yaml_text_put_text(q->draft.arena, map,
                                                  arena_str(q->draft.arena, (struct str){ word->p, sign }),
                                                  quadlet_text(q, line, str_from(*word, sign + 1)));
        }
}

static void put_environment(struct quadlet_import *q, const struct unit_line *line) {
        put_pairs(q, line, "env");
}

static void put_label(struct quadlet_import *q, const struct unit_line *line) {
        put_pairs(q, line, "labels");
}

static void put_env_file(struct quadlet_import *q, const struct unit_line *line) {
        struct unit_words words = unit_split(q->draft.arena, line->value);
        struct yaml_text *list = list_for(q, "env_files", line);

        VEC_EACH(word, &words.list) {
                bool is_optional = word->n > 0 && word->p[0] == '-';
                struct str path = import_path(
                        &q->draft, line->at, quadlet_text(q, line, is_optional ? str_from(*word, 1) : *word));

                (void) yaml_text_add_text(q->draft.arena, list,
                                          is_optional ? arena_join(q->draft.arena, STR("-"), path) : path);
        }
}

/* NAME.image and NAME.build are files of their own. */
static void put_image(struct quadlet_import *q, const struct unit_line *line) {
        struct draft *d = &q->draft;
        struct str stem = { line->value.p, line->value.n - (line->value.n > 6 ? 6 : 0) };
        const struct unit_file *file =
                str_has_suffix(line->value, STR(".image")) ? quadlet_file(q, stem, "image") : NULL;
        struct str image = file ? unit_file_value(file, "Image", "Image") : line->value;

        if (str_has_suffix(line->value, STR(".build")) || str_is_absent(image) ||
            (!file && str_has_suffix(line->value, STR(".image")))) {
                struct str built =
                        arena_join(d->arena, STR("localhost/"), import_name(d->arena, stem), STR(":latest"));

                draft_lost(d, q->part->map, line->at,
                           "'%.*s' could not be carried over; name the image here, or write 'source:' with a "
                           "Git repository",
                           STR_ARG(line->value));
                (void) yaml_text_put_text(d->arena, q->part->map, STR("image"), built);
                return;
        }
        (void) yaml_text_put_text(d->arena, q->part->map, STR("image"), quadlet_text(q, line, image));
        if (!file)
                return;

        VEC_EACH(own, &file->lines) {
                if (str_is(own->key, "AuthFile"))
                        quadlet_put_text(q, q->part->map, "auth_file", own);
                else if (str_is(own->key, "TLSVerify"))
                        quadlet_put_flag(q, q->part->map, "tls_verify", own);
                else if (str_is(own->section, "Image") && !str_is(own->key, "Image"))
                        quadlet_drop(q, own);
        }
}

static void put_volume(struct quadlet_import *q, const struct unit_line *line) {
        struct str text = quadlet_text(q, line, line->value), rest = text, source = { NULL, 0 }, stem;
        struct yaml_text *list = list_for(q, "volumes", line);

        if (line->value.n == 0)
                return;
        (void) str_split(&rest, ':', &source);
        if (str_is_absent(rest)) {
                quadlet_drop(q, line);
                return;
        }
        stem = (struct str){ source.p, source.n > 7 ? source.n - 7 : 0 };
        if (source.n > 0 && source.p[0] == '.')
                source = import_path(&q->draft, line->at, source);
        else if (str_has_suffix(source, STR(".volume")) && quadlet_file(q, stem, "volume"))
                source = import_name(q->draft.arena, stem);
        else if (type_accepts(KIND_VOLUME_NAME, source)) {
                import_foreign_volume(q->draft.arena, list, source, rest);
                return;
        }
        (void) yaml_text_add_text(q->draft.arena, list, arena_join(q->draft.arena, source, STR(":"), rest));
}

/* The port that the process listens on is also set for `proxy:`. */
static void put_port(struct quadlet_import *q, const struct unit_line *line) {
        struct str text = quadlet_text(q, line, line->value), port = text;

        if (line->value.n == 0 || q->part->kind != PART_SERVICE) {
                if (line->value.n > 0)
                        quadlet_drop(q, line);
                return;
        }
        (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, "publish"), text);
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] == ':')
                        port = str_from(text, i + 1);
        if (port.n > 0 && str_is_made_of(port, "0123456789") && !yaml_text_find(q->part->map, STR("port")))
                (void) yaml_text_put_plain(q->draft.arena, q->part->map, STR("port"), port);
        if (q->unit->is_template && port.n < text.n)
                draft_note(&q->draft, q->part->map, line->at,
                           "only one instance can publish this port; several instances share one with "
                           "'proxy:'");
}

/* The second one makes a list of them. */
static void put_network_name(struct quadlet_import *q, struct str name) {
        struct yaml_text *one = yaml_text_find(q->part->map, STR("network"));

        if (one && one->items.n == 0 && one->shape == YAML_TEXT_SCALAR) {
                struct str first = one->text;

                one->key = STR("networks");
                one->shape = YAML_TEXT_LIST;
                (void) yaml_text_add_text(q->draft.arena, one, first);
        }
        if (yaml_text_find(q->part->map, STR("networks")))
                (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, "networks"), name);
        else
                (void) yaml_text_put_text(q->draft.arena, q->part->map, STR("network"), name);
}

static void put_network(struct quadlet_import *q, const struct unit_line *line) {
        const struct yaml_text *one = yaml_text_find(q->part->map, STR("network"));
        struct str text = quadlet_text(q, line, line->value), stem;

        if (line->value.n == 0)
                return;
        if ((one && (network_is_mode(one->text) || network_is_mode(text))) || str_find(text, ':') < text.n ||
            str_has_suffix(text, STR(".container")) || str_has_suffix(text, STR(".pod"))) {
                quadlet_drop(q, line);
                return;
        }
        stem = (struct str){ text.p, text.n > 8 ? text.n - 8 : 0 };
        if (str_has_suffix(text, STR(".network")) && quadlet_file(q, stem, "network"))
                text = arena_join(q->draft.arena, import_name(q->draft.arena, stem), STR(".network"));
        put_network_name(q, text);
}

static void put_alias(struct quadlet_import *q, const struct unit_line *line) {
        struct yaml_text *list = list_for(q, "aliases", line);

        if (line->value.n > 0)
                (void) yaml_text_add_text(q->draft.arena, list, quadlet_text(q, line, line->value));
}

/* NAME[,type=mount|env][,target=TARGET] of Podman's secrets. */
static void put_secret(struct quadlet_import *q, const struct unit_line *line) {
        struct draft *d = &q->draft;
        struct str rest = quadlet_text(q, line, line->value), podman = { NULL, 0 }, option,
                   target = { NULL, 0 }, name;
        bool is_env = false, is_other = false;

        if (rest.n == 0)
                return;
        (void) str_split(&rest, ',', &podman);
        while (str_split(&rest, ',', &option)) {
                if (str_is(option, "type=env"))
                        is_env = true;
                else if (str_has_prefix(option, STR("target=")))
                        target = str_from(option, 7);
                else if (!str_is(option, "type=mount"))
                        is_other = true;
        }

        name = import_name(d->arena, podman);
        (void) yaml_text_put_text(d->arena,
                                  yaml_text_put(d->arena, quadlet_map(q, "secrets"), name, YAML_TEXT_MAP),
                                  STR("podman"), podman);
        if (is_env)
                draft_put_secret(d, quadlet_map(q, "env"), str_is_absent(target) ? podman : target, name);
        else if (is_other || !str_is_absent(target) || !str_eq(name, podman))
                draft_lost(d, q->part->map, line->at,
                           "the secret is the file /run/secrets/%.*s here; its target, owner and mode could "
                           "not be carried over",
                           STR_ARG(name));
}

static void put_auto_update(struct quadlet_import *q, const struct unit_line *line) {
        (void) yaml_text_put_text(q->draft.arena, q->draft.root, STR("auto_update"), line->value);
}

static void put_init(struct quadlet_import *q, const struct unit_line *line) {
        bool yes;

        if (unit_boolean(line->value, &yes))
                (void) yaml_text_put_plain(q->draft.arena, q->part->map, STR("init"),
                                           yes ? STR("true") : STR("false"));
        else
                quadlet_drop(q, line);
}

static void put_ulimit(struct quadlet_import *q, const struct unit_line *line) {
        struct str rest = line->value, name = { NULL, 0 }, soft = { NULL, 0 };

        (void) str_split(&rest, '=', &name);
        if (!str_is(name, "nofile") || str_is_absent(rest)) {
                draft_raw(&q->draft, q->part,
                          (struct raw_key){ "Container", line->key, line->value, line->at });
                return;
        }
        (void) str_split(&rest, ':', &soft);
        (void) yaml_text_put_plain(q->draft.arena, quadlet_map(q, "resources"), STR("nofile"),
                                   str_is_absent(rest) ? soft : rest);
}

/* Keys that are set elsewhere, or always. */
static void pass(struct quadlet_import *q, const struct unit_line *line) {
        (void) q;
        (void) line;
}

/* An instance counts as ready when it is healthy, and until then when it runs. */
static void put_notify(struct quadlet_import *q, const struct unit_line *line) {
        bool is_notified = true;

        if (!str_is(line->value, "healthy") && (!unit_boolean(line->value, &is_notified) || is_notified))
                draft_lost(&q->draft, q->part->map, line->at,
                           "'Notify=%.*s' could not be carried over: 'health:' decides when an instance is "
                           "ready",
                           STR_ARG(line->value));
}

static const struct key keys[] = {
        { "AutoUpdate", .put = put_auto_update },
        { "ContainerName", .put = pass },
        { "Entrypoint", .put = put_entrypoint },
        { "Environment", .put = put_environment },
        { "EnvironmentFile", .put = put_env_file },
        { "Exec", .put = put_exec },
        { "Group", .put = pass },
        { "HealthCmd", .map = "health", .to = "command" },
        { "HealthInterval", .map = "health", .to = "interval" },
        { "HealthRetries", .map = "health", .to = "retries", .is_number = true },
        { "HealthStartPeriod", .map = "health", .to = "start_period" },
        { "HealthTimeout", .map = "health", .to = "timeout" },
        { "HostName", .to = "hostname" },
        { "Image", .put = put_image },
        { "Label", .put = put_label },
        { "Memory", .map = "resources", .to = "memory" },
        { "Network", .put = put_network },
        { "NetworkAlias", .put = put_alias },
        { "Notify", .put = put_notify },
        { "PidsLimit", .map = "resources", .to = "pids", .is_number = true },
        { "Pod", .put = pass },
        { "PublishPort", .put = put_port },
        { "Pull", .to = "pull" },
        { "RunInit", .put = put_init },
        { "Secret", .put = put_secret },
        { "StopSignal", .to = "stop_signal" },
        { "StopTimeout", .to = "stop_timeout" },
        { "Ulimit", .put = put_ulimit },
        { "User", .to = "user" },
        { "Volume", .put = put_volume },
        { "WorkingDir", .to = "workdir" },
};

bool quadlet_put_container(struct quadlet_import *q, const struct unit_line *line) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                if (!str_is(line->key, keys[i].name))
                        continue;

                if (keys[i].put)
                        keys[i].put(q, line);
                else if (line->value.n > 0 && keys[i].is_number)
                        quadlet_put_number(q, keys[i].map ? quadlet_map(q, keys[i].map) : q->part->map,
                                           keys[i].to, line);
                else if (line->value.n > 0)
                        quadlet_put_text(q, keys[i].map ? quadlet_map(q, keys[i].map) : q->part->map,
                                         keys[i].to, line);
                return true;
        }

        return false;
}

/* Required units are started first in any case. */
static void drop_repeated(const struct yaml_text *requires, struct yaml_text *after) {
        size_t n = 0;

        VEC_EACH(item, &after->items) {
                bool is_required = false;

                VEC_EACH(other, &requires->items)
                        is_required = is_required || str_eq((*other)->text, (*item)->text);
                if (!is_required)
                        after->items.at[n++] = *item;
        }
        after->items.n = n;
}

/* USER and GROUP are one key; a name of its own for the container is not to be had. */
void quadlet_put_rest(struct quadlet_import *q) {
        struct yaml_text *requires = yaml_text_find(q->part->map, STR("requires")),
                         *after = yaml_text_find(q->part->map, STR("after"));
        struct yaml_text *bound_to = yaml_text_find(q->part->map, STR("bound_to"));
        struct draft *d = &q->draft;
        struct str group = unit_file_value(q->unit, "Container", "Group"),
                   name = unit_file_value(q->unit, "Container", "ContainerName");
        struct yaml_text *user = yaml_text_find(q->part->map, STR("user"));

        if (bound_to && requires)
                drop_repeated(bound_to, requires);
        if (bound_to && after)
                drop_repeated(bound_to, after);
        if (requires && after)
                drop_repeated(requires, after);
        if (user && !str_is_absent(group))
                user->text = arena_join(d->arena, user->text, STR(":"), group);
        else if (!str_is_absent(group))
                draft_lost(d, q->part->map, q->unit->at,
                           "'Group=%.*s' could not be carried over without a 'User='", STR_ARG(group));
        if (!str_is_absent(name))
                draft_note(
                        d, q->part->map, q->unit->at,
                        "the container is not named %.*s here, but like its unit; use that name to reach it",
                        STR_ARG(name));
}
