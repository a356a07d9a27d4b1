/* SPDX-License-Identifier: Apache-2.0 */

/* The keys of [Container]. */

#include <strings.h>

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

/* Podman ignores what it cannot read. */
static bool is_ignored(struct quadlet_import *q, const struct unit_line *line,
                       const struct unit_words *words) {
        if (words->is_unknown)
                draft_note(&q->draft, q->part->map, line->at,
                           "Podman ignores '%.*s=%.*s', because systemd has no such escape; '\\\\' is a "
                           "backslash",
                           STR_ARG(line->key), STR_ARG(line->value));
        return words->is_unknown;
}

static void put_words(struct quadlet_import *q, const struct unit_line *line, const char *key) {
        struct unit_words words = unit_split(q->draft.arena, line->value);
        struct yaml_text *list = quadlet_list(q, key);

        list->items.n = 0;
        if (is_ignored(q, line, &words))
                return;
        if (words.is_broken)
                quadlet_drop(q, line);
        VEC_EACH(word, &words.list)
                (void) yaml_text_add_text(q->draft.arena, list, quadlet_text(q, line, *word));
}

static void put_exec(struct quadlet_import *q, const struct unit_line *line) {
        put_words(q, line, "command");
}

struct words {
        VEC(struct str) list;
};

/* The string that begins at `at`, without its quotes; false if it does not end. */
static bool take_json_string(struct quadlet_import *q, struct str text, size_t *at, struct words *ret) {
        static const char from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
        VEC(char) word = { 0 };

        for (size_t i = *at + 1; i < text.n; i++) {
                const char *escaped =
                        text.p[i] == '\\' && i + 1 < text.n ? strchr(from, text.p[i + 1]) : NULL;

                if (text.p[i] == '"') {
                        *at = i + 1;
                        *vec_push(q->draft.arena, &ret->list) =
                                arena_str(q->draft.arena, (struct str){ word.at ? word.at : "", word.n });
                        return true;
                }
                if (text.p[i] == '\\' && !escaped)
                        return false;
                *vec_push(q->draft.arena, &word) = escaped ? to[escaped - from] : text.p[i];
                i += escaped != NULL;
        }
        return false;
}

/* A list of strings in JSON. */
static bool take_json(struct quadlet_import *q, struct str text, struct words *ret) {
        size_t at = 1;

        if (text.n < 2 || text.p[0] != '[')
                return false;
        while (at < text.n && text.p[at] != ']') {
                if (text.p[at] == '"') {
                        if (!take_json_string(q, text, &at, ret))
                                return false;
                } else if (text.p[at] == ' ' || text.p[at] == ',')
                        at++;
                else
                        return false;
        }
        return at + 1 == text.n && ret->list.n > 0;
}

/* Podman takes one word, or a list in JSON. */
static void put_entrypoint(struct quadlet_import *q, const struct unit_line *line) {
        if (line->value.n == 0)
                (void) yaml_text_put_text(q->draft.arena, q->part->map, STR("entrypoint"), STR(""));
        else if (line->value.p[0] == '[') {
                struct words words = { 0 };

                if (!take_json(q, line->value, &words))
                        quadlet_drop(q, line);
                VEC_EACH(word, &words.list)
                        (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, "entrypoint"),
                                                  quadlet_text(q, line, *word));
        } else
                (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, "entrypoint"),
                                          quadlet_text(q, line, line->value));
}

static void put_pairs(struct quadlet_import *q, const struct unit_line *line, const char *key) {
        struct unit_words words = unit_split(q->draft.arena, line->value);
        struct yaml_text *map = quadlet_map(q, key);

        if (line->value.n == 0)
                map->items.n = 0;
        if (is_ignored(q, line, &words))
                return;
        VEC_EACH(word, &words.list) {
                size_t sign = str_find(*word, '=');

                if (sign == word->n)
                        draft_lost(&q->draft, q->part->map, line->at,
                                   "'%.*s' of '%.*s=' could not be carried over", STR_ARG(*word),
                                   STR_ARG(line->key));
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

/* Podman takes quotes off. */
static struct str unquoted(struct str text) {
        bool is_quoted = text.n > 1 && strchr("\"'", text.p[0]) && text.p[0] == text.p[text.n - 1];

        return is_quoted ? (struct str){ text.p + 1, text.n - 2 } : text;
}

/* The value that Environment= of [Service] gives it; absent if it comes from elsewhere. */
static struct str variable_value(struct quadlet_import *q, struct str name) {
        struct str value = { NULL, 0 };

        VEC_EACH(line, &q->unit->lines) {
                struct unit_words words = unit_split(q->draft.arena, line->value);

                if (!str_is(line->section, "Service") || !str_is(line->key, "Environment"))
                        continue;
                VEC_EACH(word, &words.list)
                        if (str_has_prefix(*word, name) && word->n > name.n && word->p[name.n] == '=')
                                value = str_from(*word, name.n + 1);
        }
        return value;
}

/* ${NAME}, which systemd expands, as {{ NAME }}. */
static struct str with_variables(struct quadlet_import *q, const struct unit_line *line, struct str text) {
        struct draft *d = &q->draft;
        struct str done = { NULL, 0 };

        for (size_t at; (at = str_find_str(text, STR("${"))) < text.n;) {
                struct str name = str_from(text, at + 2), value;

                name.n = str_find(name, '}');
                if (at + 3 + name.n > text.n || import_is_built_in(name))
                        break;
                value = variable_value(q, name);
                (void) draft_var(d, name, str_is_absent(value) ? STR("change-me") : value);
                if (str_is_absent(value))
                        draft_lost(d, q->part->map, line->at,
                                   "the value of '%.*s' could not be carried over; write it under 'vars:'",
                                   STR_ARG(name));
                done = arena_join(d->arena, done, (struct str){ text.p, at }, STR("{{ "), name, STR(" }}"));
                text = str_from(text, at + 3 + name.n);
        }
        return arena_join(d->arena, done, text);
}

/* NAME.image and NAME.build are files of their own. */
static void put_image(struct quadlet_import *q, const struct unit_line *line) {
        struct draft *d = &q->draft;
        struct str value = unquoted(line->value), stem = { value.p, value.n - (value.n > 6 ? 6 : 0) };
        const struct unit_file *file =
                str_has_suffix(value, STR(".image")) ? quadlet_file(q, stem, "image") : NULL;
        const struct unit_file *build =
                str_has_suffix(value, STR(".build")) ? quadlet_file(q, stem, "build") : NULL;
        struct str image = file ? unit_file_value(file, "Image", "Image") : value;

        if (str_has_suffix(value, STR(".build")) || str_is_absent(image) ||
            (!file && str_has_suffix(value, STR(".image")))) {
                struct str built = { NULL, 0 };

                VEC_EACH(own, &(build ? build : q->unit)->lines)
                        if (str_is_absent(built) && str_is(own->key, "ImageTag"))
                                built = own->value;
                if (str_is_absent(built))
                        built = arena_join(d->arena, STR("localhost/"), import_name(d->arena, stem),
                                           STR(":latest"));
                if (!build)
                        draft_lost(
                                d, q->part->map, line->at,
                                "'%.*s' could not be carried over; name the image here, or write 'source:' "
                                "with a Git repository",
                                STR_ARG(value));
                (void) yaml_text_put_text(d->arena, q->part->map, STR("image"), built);
                return;
        }
        (void) yaml_text_put_text(d->arena, q->part->map, STR("image"),
                                  with_variables(q, line, quadlet_text(q, line, image)));
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
        if (str_is_absent(rest) || str_find(text, '$') < text.n) {
                /* Without a name, it exists as long as the container; systemd expands variables. */
                quadlet_put_argument(q, line, arena_join(q->draft.arena, STR("--volume="), text));
                return;
        }
        stem = (struct str){ source.p, source.n > 7 ? source.n - 7 : 0 };
        if (source.n > 0 && source.p[0] == '.')
                source = import_path(&q->draft, line->at, source);
        else if (str_has_suffix(source, STR(".volume")) && quadlet_file(q, stem, "volume")) {
                const struct unit_file *file = quadlet_file(q, stem, "volume");

                if (quadlet_keeps_volume(file)) {
                        import_foreign_volume(
                                q->draft.arena, list,
                                quadlet_podman_name(q, file, unit_file_value(file, "Volume", "VolumeName")),
                                rest);
                        return;
                }
                source = import_name(q->draft.arena, file->prefix);
        } else if (type_accepts(KIND_VOLUME_NAME, source)) {
                import_foreign_volume(q->draft.arena, list, source, rest);
                return;
        }
        (void) yaml_text_add_text(q->draft.arena, list, arena_join(q->draft.arena, source, STR(":"), rest));
}

/* [ADDRESS:]HOST without the container's port. */
static struct str host_port_of(struct str text) {
        struct str host = { text.p, 0 };

        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] == ':')
                        host.n = i;
        for (size_t i = host.n; i-- > 0;)
                if (text.p[i] == ':')
                        return (struct str){ text.p + i + 1, host.n - i - 1 };
        return host;
}

/* The port of the machine is there already, at another address: a definition has each once. */
static bool is_published(struct quadlet_import *q, struct str text, struct str container) {
        struct str host = host_port_of(text);
        bool is_udp = str_has_suffix(container, STR("/udp"));

        VEC_EACH(item, &quadlet_list(q, "publish")->items)
                if (host.n > 0 && str_eq(host_port_of((*item)->text), host) &&
                    str_has_suffix((*item)->text, STR("/udp")) == is_udp)
                        return true;

        return false;
}

/* The port that the process listens on is also set for `proxy:`. A port that a definition cannot have, as one
 * of a variable, is an argument of Podman. */
static void put_port(struct quadlet_import *q, const struct unit_line *line) {
        struct str text = quadlet_text(q, line, line->value), port = text;

        if (line->value.n == 0 || (q->part->kind != PART_SERVICE && q->part->kind != PART_SIDECAR)) {
                if (line->value.n > 0)
                        quadlet_drop(q, line);
                return;
        }
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] == ':')
                        port = str_from(text, i + 1);
        if (!type_accepts(KIND_PUBLISH_SPEC, text) || is_published(q, text, port)) {
                quadlet_put_argument(q, line, arena_join(q->draft.arena, STR("--publish="), text));
                return;
        }
        (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, "publish"), text);
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

/* The container of NAME.container or container:NAME; NULL if it is not among the files. */
static const struct unit_file *network_owner(const struct quadlet_import *q, struct str network) {
        struct str rest = network, kind = { NULL, 0 };

        if (str_has_suffix(network, STR(".container")))
                return quadlet_container(q, network);
        if (!str_split(&rest, ':', &kind) || !str_is(kind, "container"))
                return NULL;

        VEC_EACH(u, &q->files)
                if (str_is(u->suffix, "container") && !u->is_template &&
                    str_eq(quadlet_podman_name(q, u, unit_file_value(u, "Container", "ContainerName")), rest))
                        return u;
        return NULL;
}

static bool put_network_of(struct quadlet_import *q, struct str network) {
        const struct unit_file *owner = network_owner(q, network);
        enum part_kind kind = owner ? quadlet_kind(q, owner) : PART_TASK;

        if (kind != PART_SERVICE && kind != PART_SIDECAR)
                return false;

        (void) yaml_text_put_text(q->draft.arena, q->part->map, STR("network_of"),
                                  quadlet_part_name(q, owner));
        return true;
}

static void put_network(struct quadlet_import *q, const struct unit_line *line) {
        const struct yaml_text *one = yaml_text_find(q->part->map, STR("network"));
        struct str text = quadlet_text(q, line, line->value), stem;

        if (line->value.n == 0 || put_network_of(q, text))
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

/* [source=]NAME[,type=mount|env][,target=TARGET][,uid=…] of Podman's secrets. */
static void put_secret(struct quadlet_import *q, const struct unit_line *line) {
        static const char *const owner[] = { "uid", "gid", "mode" };
        struct draft *d = &q->draft;
        struct str rest = quadlet_text(q, line, line->value), option, values[3] = { 0 }, podman = { NULL, 0 },
                   target = { NULL, 0 }, name;
        struct yaml_text *secret;
        bool is_env = false;

        if (rest.n == 0)
                return;
        while (str_split(&rest, ',', &option)) {
                struct str value = option, key;

                (void) str_split(&value, '=', &key);
                for (size_t i = 0; i < ARRAY_SIZE(owner); i++)
                        if (str_is(key, owner[i]))
                                values[i] = value;
                if (str_is_absent(value) || str_is(key, "source"))
                        podman = str_is_absent(value) ? key : value;
                else if (str_is(key, "type"))
                        is_env = str_is(value, "env");
                else if (str_is(key, "target"))
                        target = value;
        }

        name = import_name(d->arena, podman);
        if (!is_env && yaml_text_find(quadlet_map(q, "secrets"), name)) { /* at a second place */
                quadlet_put_raw(q, "Container", line);
                return;
        }
        secret = yaml_text_put(d->arena, quadlet_map(q, "secrets"), name, YAML_TEXT_MAP);
        (void) yaml_text_put_text(d->arena, secret, STR("podman"), podman);
        if (is_env) {
                draft_put_secret(d, quadlet_map(q, "env"), str_is_absent(target) ? podman : target, name);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(owner); i++)
                if (!str_is_absent(values[i]))
                        import_put_scalar(d->arena, secret, str_of(owner[i]),
                                          i == 2 && values[i].n == 3
                                                  ? arena_join(d->arena, STR("0"), values[i])
                                                  : values[i]);
        if ((!str_is_absent(target) && !str_eq(target, name)) || !str_eq(name, podman))
                draft_lost(
                        d, q->part->map, line->at,
                        "the secret is the file /run/secrets/%.*s here; its target could not be carried over",
                        STR_ARG(name));
}

/* That of a pod among the files: quadlet_put_pod_of(). */
static void put_pod(struct quadlet_import *q, const struct unit_line *line) {
        if (line->value.n > 0 && !quadlet_pod(q, q->unit))
                quadlet_drop(q, line);
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
        import_put_scalar(q->draft.arena, quadlet_map(q, "resources"), STR("nofile"),
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

static bool is_word(struct str text, const char *word) {
        return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

static void put_health_words(struct quadlet_import *q, const struct unit_line *line, const struct str *words,
                             size_t n) {
        struct yaml_text *list;

        if (n == 1) { /* a list of one word is a text for the shell */
                (void) yaml_text_put_text(q->draft.arena, quadlet_map(q, "health"), STR("command"),
                                          quadlet_text(q, line, import_quote(q->draft.arena, words, 1)));
                return;
        }
        list = yaml_text_put(q->draft.arena, quadlet_map(q, "health"), STR("command"), YAML_TEXT_LIST);
        list->items.n = 0;
        for (size_t i = 0; i < n; i++)
                (void) yaml_text_add_text(q->draft.arena, list, quadlet_text(q, line, words[i]));
}

/* All forms that podman-run(1) takes for --health-cmd: a text for the shell, perhaps behind CMD-SHELL; CMD
 * with words; a list in JSON, of words or with one of these in front; none. */
static void put_health_command(struct quadlet_import *q, const struct unit_line *line) {
        struct str text = unquoted(line->value), rest, first = { NULL, 0 };
        struct words words = { 0 };
        bool is_list = take_json(q, text, &words);

        rest = text;
        if (is_list)
                first = words.list.at[0];
        else
                (void) str_split(&rest, ' ', &first);
        if (text.n == 0)
                return;
        if (is_word(first, "none"))
                quadlet_put_argument(q, line, STR("--no-healthcheck"));
        else if (is_word(first, "CMD-SHELL") || !(is_word(first, "CMD") || (is_list && words.list.n > 1))) {
                if (is_word(first, "CMD-SHELL"))
                        text = is_list && words.list.n > 1 ? words.list.at[1] : rest;
                else if (is_list)
                        text = first;
                (void) yaml_text_put_text(q->draft.arena, quadlet_map(q, "health"), STR("command"),
                                          quadlet_text(q, line, str_trim(text)));
        } else if (is_list)
                put_health_words(q, line, words.list.at + is_word(first, "CMD"),
                                 words.list.n - is_word(first, "CMD"));
        else {
                while (str_split(&rest, ' ', &first))
                        if (first.n > 0)
                                *vec_push(q->draft.arena, &words.list) = first;
                put_health_words(q, line, words.list.at, words.list.n);
        }
}

/* Podman's defaults are written out, because pyservice has others. */
static void put_health_rest(struct quadlet_import *q) {
        static const char *const defaults[][2] = { { "interval", "30s" },
                                                   { "timeout", "30s" },
                                                   { "start_period", "0s" } };
        struct yaml_text *health = yaml_text_find(q->part->map, STR("health"));
        struct str on_failure = unit_file_value(q->unit, "Container", "HealthOnFailure");

        if (!health || !yaml_text_find(health, STR("command"))) {
                if (!str_is_absent(on_failure))
                        draft_lost(
                                &q->draft, q->part->map, q->unit->at,
                                "'HealthOnFailure=%.*s' could not be carried over: write the health check of "
                                "the image as 'health:'",
                                STR_ARG(on_failure));
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
                if (!yaml_text_find(health, str_of(defaults[i][0])))
                        (void) yaml_text_put_text(q->draft.arena, health, str_of(defaults[i][0]),
                                                  str_of(defaults[i][1]));
        if (!yaml_text_find(health, STR("retries")))
                (void) yaml_text_put_plain(q->draft.arena, health, STR("retries"), STR("3"));
        if (str_is_absent(on_failure) || str_is(on_failure, "none"))
                (void) yaml_text_put_text(q->draft.arena, health, STR("on_failure"), STR("none"));
}

/* An option that a definition has a key for; any other stays as it is. */
static void put_arguments(struct quadlet_import *q, const struct unit_line *line) {
        static const char *const options[][2] = { { "--platform", "platform" }, { "--gpus", "gpus" } };
        struct unit_words words = unit_split(q->draft.arena, line->value);

        for (size_t i = 0; i < ARRAY_SIZE(options) && words.list.n > 0 && words.list.n < 3; i++) {
                struct str value = words.list.at[0], option;

                (void) str_split(&value, '=', &option);
                if (str_is_absent(value) && words.list.n == 2)
                        value = words.list.at[1];
                else if (words.list.n == 2)
                        continue;
                if (!str_is(option, options[i][0]) || str_is_absent(value))
                        continue;
                (void) yaml_text_put_text(q->draft.arena, q->part->map, str_of(options[i][1]),
                                          quadlet_text(q, line, value));
                return;
        }
        quadlet_put_raw(q, "Container", line);
}

/* Other files by the names that Podman has for what they make. */
static void put_mount(struct quadlet_import *q, const struct unit_line *line) {
        struct arena *a = q->draft.arena;
        struct unit_line renamed = *line;
        struct str rest = line->value, word, text = { NULL, 0 };

        while (str_split(&rest, ',', &word)) {
                struct str name = word, key;
                const struct unit_file *volume = NULL, *image = NULL;

                (void) str_split(&name, '=', &key);
                if (name.n > 7 && (str_is(key, "source") || str_is(key, "src"))) {
                        volume = str_has_suffix(name, STR(".volume"))
                                         ? quadlet_file(q, (struct str){ name.p, name.n - 7 }, "volume")
                                         : NULL;
                        image = str_has_suffix(name, STR(".image"))
                                        ? quadlet_file(q, (struct str){ name.p, name.n - 6 }, "image")
                                        : NULL;
                }
                if (volume && quadlet_keeps_volume(volume))
                        name = quadlet_podman_name(q, volume,
                                                   unit_file_value(volume, "Volume", "VolumeName"));
                else if (volume)
                        name = arena_join(a, q->draft.name, STR("-"), import_name(a, volume->prefix));
                else if (image)
                        name = unit_file_value(image, "Image", "Image");
                if (volume || image)
                        word = arena_join(a, key, STR("="), name);
                text = str_is_absent(text) ? word : arena_join(a, text, STR(","), word);
        }
        renamed.value = str_is_absent(text) ? line->value : text;
        quadlet_put_raw(q, "Container", &renamed);
}

/* The limit of a definition is that of the kernel, and Podman takes any number. */
static void put_pids(struct quadlet_import *q, const struct unit_line *line) {
        uint64_t n = 0;

        if (str_to_u64(line->value, 4194304, &n) && n > 0)
                quadlet_put_number(q, quadlet_map(q, "resources"), "pids", line);
        else if (line->value.n > 0)
                quadlet_put_argument(q, line, arena_join(q->draft.arena, STR("--pids-limit="), line->value));
}

static const struct key keys[] = {
        { "AutoUpdate", .put = put_auto_update },
        { "ContainerName", .put = pass },
        { "Entrypoint", .put = put_entrypoint },
        { "Environment", .put = put_environment },
        { "EnvironmentFile", .put = put_env_file },
        { "Exec", .put = put_exec },
        { "GIDMap", .put = quadlet_put_gid_map },
        { "Group", .put = pass },
        { "HealthCmd", .put = put_health_command },
        { "HealthInterval", .map = "health", .to = "interval" },
        { "HealthOnFailure", .put = pass },
        { "HealthRetries", .map = "health", .to = "retries", .is_number = true },
        { "HealthStartPeriod", .map = "health", .to = "start_period" },
        { "HealthTimeout", .map = "health", .to = "timeout" },
        { "HostName", .to = "hostname" },
        { "Image", .put = put_image },
        { "Label", .put = put_label },
        { "Memory", .map = "resources", .to = "memory" },
        { "Mount", .put = put_mount },
        { "Network", .put = put_network },
        { "NetworkAlias", .put = put_alias },
        { "Notify", .put = put_notify },
        { "PidsLimit", .put = put_pids },
        { "Pod", .put = put_pod },
        { "PodmanArgs", .put = put_arguments },
        { "PublishPort", .put = put_port },
        { "Pull", .to = "pull" },
        { "RunInit", .put = put_init },
        { "Secret", .put = put_secret },
        { "StartWithPod", .put = pass },
        { "StopSignal", .to = "stop_signal" },
        { "StopTimeout", .to = "stop_timeout" },
        { "SubGIDMap", .put = quadlet_put_subids },
        { "SubUIDMap", .put = quadlet_put_subids },
        { "UIDMap", .put = quadlet_put_uid_map },
        { "Ulimit", .put = put_ulimit },
        { "User", .to = "user" },
        { "UserNS", .put = quadlet_put_userns },
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

/* The name of the container is one on its networks; on Podman's default network, there are none. */
static void put_names(struct quadlet_import *q, struct str name) {
        struct draft *d = &q->draft;
        struct yaml_text *network = yaml_text_find(q->part->map, STR("network")),
                         *networks = yaml_text_find(q->part->map, STR("networks")),
                         *aliases = yaml_text_find(q->part->map, STR("aliases"));
        bool has_names = network && !network_is_mode(network->text);

        if (yaml_text_find(q->part->map, STR("network_of")))
                return; /* others reach it by the names of that part */
        if (has_names && !q->unit->is_template && !str_is_absent(name) && !str_eq(name, q->part->name))
                (void) yaml_text_add_text(d->arena, quadlet_list(q, "aliases"), unquoted(name));
        else if (!str_is_absent(name) && !str_eq(name, q->part->name))
                draft_note(
                        d, q->part->map, q->unit->at,
                        "the container is not named %.*s here, but like its unit; use that name to reach it",
                        STR_ARG(name));
        if (!aliases || has_names)
                return;

        VEC_EACH(alias, &aliases->items)
                if (networks)
                        draft_lost(d, q->part->map, q->unit->at,
                                   "'NetworkAlias=%.*s' could not be carried over; write it under one of "
                                   "'networks:'",
                                   STR_ARG((*alias)->text));
                else
                        draft_raw(d, q->part,
                                  (struct raw_key){
                                          "Container", STR("PodmanArgs"),
                                          arena_join(d->arena, STR("--network-alias="), (*alias)->text),
                                          q->unit->at });
        aliases->items.n = 0;
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

        put_health_rest(q);
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
        put_names(q, name);
}
