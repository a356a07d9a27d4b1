/* SPDX-License-Identifier: Apache-2.0 */

/* Texts of other programs in the words of a definition. */

#include <stdlib.h>

#include "import/import.h"

enum { NAME_MAX_BYTES = 40 }; /* APP-NAME-12345 is a host name too */

struct str import_name(struct arena *a, struct str text) {
        char name[NAME_MAX_BYTES];
        size_t n = 0;

        for (size_t i = 0; i < text.n && n < sizeof(name); i++) {
                char c = text.p[i];

                if (c >= 'A' && c <= 'Z')
                        c = (char) (c | 0x20);
                if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
                        c = '-';
                if (c != '-' || (n > 0 && name[n - 1] != '-'))
                        name[n++] = c;
        }
        while (n > 0 && name[n - 1] == '-')
                n--;

        return n == 0 ? STR("app") : arena_str(a, (struct str){ name, n });
}

struct str import_literal(struct arena *a, struct str text) {
        VEC(struct str) parts = { 0 };
        struct str rest = text;

        for (size_t at; (at = str_find_str(rest, STR("{{"))) < rest.n; rest = str_from(rest, at + 2)) {
                *vec_push(a, &parts) = (struct str){ rest.p, at };
                *vec_push(a, &parts) = STR("{{ '{{' }}");
        }
        *vec_push(a, &parts) = rest;
        return arena_join_n(a, parts.at, parts.n);
}

static struct str quote_word(struct arena *a, struct str word) {
        VEC(struct str) parts = { 0 };
        struct str rest = word, part;

        if (word.n > 0 &&
            str_is_made_of(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"))
                return word;

        *vec_push(a, &parts) = STR("'");
        for (bool is_first = true; str_split(&rest, '\'', &part); is_first = false) {
                if (!is_first)
                        *vec_push(a, &parts) = STR("'\\''");
                *vec_push(a, &parts) = part;
        }
        *vec_push(a, &parts) = STR("'");
        return arena_join_n(a, parts.at, parts.n);
}

struct str import_image(struct arena *a, struct str image) {
        struct str host = { image.p, str_find(image, '/') };

        if (host.n == image.n)
                return arena_join(a, STR("docker.io/library/"), image);
        if (str_find(host, '.') == host.n && str_find(host, ':') == host.n && !str_is(host, "localhost") &&
            str_find(host, '{') == host.n)
                return arena_join(a, STR("docker.io/"), image);

        return image;
}

struct str import_quote(struct arena *a, const struct str *words, size_t n) {
        VEC(struct str) parts = { 0 };

        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        *vec_push(a, &parts) = STR(" ");
                *vec_push(a, &parts) = quote_word(a, words[i]);
        }
        return arena_join_n(a, parts.at, parts.n);
}

bool import_is_built_in(struct str name) {
        static const char *const names[] = {
                "app_name",     "app_module",     "app_user",   "app_group",    "app_root",       "app_dir",
                "app_code_dir", "app_config_dir", "app_config", "app_data_dir", "python_version", "service",
                "scale",        "instance",       "hostname",   "revision",     "image",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_is(name, names[i]))
                        return true;

        return false;
}

static void free_text(char **p) {
        free(*p);
}

/* Without ".", ".." and "//"; the directories before ".." are not checked on the disk. */
static struct str normal(struct arena *a, struct str path) {
        VEC(struct str) parts = { 0 };
        struct str rest = path, part, text = { NULL, 0 };

        while (str_split(&rest, '/', &part)) {
                if (str_is(part, "..") && parts.n > 0)
                        parts.n--;
                else if (part.n > 0 && !str_is(part, ".") && !str_is(part, ".."))
                        *vec_push(a, &parts) = part;
        }
        for (size_t i = 0; i < parts.n; i++)
                text = arena_join(a, text, STR("/"), parts.at[i]);
        return parts.n > 0 ? text : STR("/");
}

struct str import_path(struct draft *d, struct span in, struct str path) {
        struct str file = d->sources->list.at[in.file].path;
        CLEANUP(free_text) char *directory = NULL;
        size_t end = file.n;

        if (path.n > 0 && path.p[0] == '/')
                return normal(d->arena, path);

        while (end > 0 && file.p[end - 1] != '/')
                end--;
        directory = realpath(end > 0 ? arena_str(d->arena, (struct str){ file.p, end }).p : ".", NULL);
        return normal(d->arena,
                      arena_join(d->arena, directory ? str_of(directory) : STR(""), STR("/"), path));
}

bool node_is_true(const struct node *n) {
        static const char *const words[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON" };

        for (size_t i = 0; n && n->kind == NODE_SCALAR && i < ARRAY_SIZE(words); i++)
                if (str_is(n->text, words[i]))
                        return true;

        return false;
}

struct str node_text(const struct node *n) {
        return n && n->kind == NODE_SCALAR && !node_is_null(n) ? n->text : (struct str){ NULL, 0 };
}

void import_put_scalar(struct arena *a, struct yaml_text *map, struct str key, struct str text) {
        bool is_number = text.n > 0 && text.n < 19 && str_is_made_of(text, "0123456789") &&
                         (text.n == 1 || text.p[0] != '0');

        if (is_number || str_is(text, "-1") || str_is(text, "true") || str_is(text, "false"))
                (void) yaml_text_put_plain(a, map, key, text);
        else if (!str_is_absent(text))
                (void) yaml_text_put_text(a, map, key, text);
}

struct str import_directory(struct draft *d, struct span in) {
        struct str path = import_path(d, in, STR(".")), name = { NULL, 0 }, part;

        while (str_split(&path, '/', &part))
                name = part.n > 0 ? part : name;
        return name;
}

void import_foreign_volume(struct arena *a, struct yaml_text *list, struct str name, struct str rest) {
        struct yaml_text *map = yaml_text_add(a, list, YAML_TEXT_MAP);
        struct str dest;

        (void) str_split(&rest, ':', &dest);
        (void) yaml_text_put_text(a, map, STR("volume"), name);
        (void) yaml_text_put_text(a, map, STR("dest"), dest);
        if (!str_is_absent(rest))
                (void) yaml_text_put_text(a, map, STR("options"), rest);
}
