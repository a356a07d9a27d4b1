/* SPDX-License-Identifier: Apache-2.0 */

/* Labels of a Compose service. Those that tell Traefik or Caddy (caddy-docker-proxy) which requests a service
 * gets become `proxy:`; all others stay labels. */

#include "import/compose.h"

struct route {
        VEC(struct str) domains;
        struct str path, port;
        struct str rest; /* names of labels that no key says; quoted */
        bool is_made;
};

/* Keys of a router or a service that say nothing more here: HAProxy has one front, on both ports. */
static const char *const passed[] = { ".entrypoints", ".service", ".tls", ".tls.certresolver" };

static bool is_rule(struct str key) {
        return str_has_prefix(key, STR("traefik.http.routers.")) && str_has_suffix(key, STR(".rule"));
}

static bool is_caddy(struct str key) {
        return str_is(key, "caddy") || (str_has_prefix(key, STR("caddy_")) && str_find(key, '.') == key.n);
}

bool compose_has_route(const struct node *service) {
        const struct node *labels = node_get(service, "labels");

        for (size_t i = 0; labels && labels->kind != NODE_SCALAR && i < labels->n; i++) {
                struct str key =
                        labels->kind == NODE_MAP ? labels->pairs[i].key->text : node_text(labels->items[i]);

                key.n = str_find(key, '=');
                if (is_rule(key) || is_caddy(key))
                        return true;
        }
        return false;
}

/* `Host(`a`) || Host(`b`)`, with PathPrefix(`/p`) beside it; false if the rule has other parts. */
static bool take_rule(struct compose *c, struct route *r, struct str rule) {
        while (rule.n > 0) {
                size_t open = str_find(rule, '('), close = str_find(rule, ')');
                struct str name = str_trim((struct str){ rule.p, open }), list, one;

                while (name.n > 0 && strchr("|&( ", name.p[0]))
                        name = str_from(name, 1);
                if (close >= rule.n)
                        return str_is_made_of(str_trim(rule), ") ");
                list = (struct str){ rule.p + open + 1, close > open ? close - open - 1 : 0 };
                while (open < close && str_split(&list, ',', &one)) {
                        one = str_trim(one);
                        if (one.n < 3 || !strchr("`'\"", one.p[0]))
                                return false;
                        one = (struct str){ one.p + 1, one.n - 2 };
                        if (str_is(name, "Host"))
                                *vec_push(c->draft.arena, &r->domains) = one;
                        else if (str_is(name, "PathPrefix") &&
                                 (str_is_absent(r->path) || str_eq(r->path, one)))
                                r->path = one;
                        else
                                return false;
                }
                rule = str_from(rule, close + 1);
        }
        return true;
}

static bool take_traefik(struct compose *c, struct route *r, struct str key, struct str value) {
        if (is_rule(key))
                return take_rule(c, r, value) && (r->is_made = r->domains.n > 0);
        if (str_is(key, "traefik.enable") || str_is(key, "traefik.docker.network"))
                return true;
        if (str_has_suffix(key, STR(".loadbalancer.server.port"))) {
                r->port = value;
                return true;
        }
        for (size_t i = 0; str_has_prefix(key, STR("traefik.http.routers.")) && i < ARRAY_SIZE(passed); i++)
                if (str_has_suffix(key, str_of(passed[i])))
                        return true;

        return false;
}

/* {{upstreams PORT}} */
static bool take_caddy(struct compose *c, struct route *r, struct str key, struct str value) {
        struct str rest = value, word;
        size_t at = str_find_str(value, STR("upstreams"));

        if (is_caddy(key)) {
                while (str_split(&rest, ' ', &word)) {
                        word.n -= word.n > 0 && word.p[word.n - 1] == ',';
                        if (str_has_prefix(word, STR("https://")))
                                word = str_from(word, 8);
                        if (word.n > 0)
                                *vec_push(c->draft.arena, &r->domains) = arena_str(c->draft.arena, word);
                }
                return (r->is_made = r->domains.n > 0);
        }
        if (!str_has_prefix(key, STR("caddy")) || !str_has_suffix(key, STR(".reverse_proxy")) ||
            at == value.n)
                return false;

        rest = str_trim(str_from(value, at + 9));
        rest.n = 0;
        while (at + 9 + rest.n < value.n && value.p[at + 9 + rest.n] != '}')
                rest.n++;
        rest = str_trim((struct str){ value.p + at + 9, rest.n });
        if (rest.n > 0 && !str_is_made_of(rest, "0123456789"))
                return false;
        r->port = rest.n > 0 ? rest : r->port;
        return true;
}

static void put_route(struct compose *c, struct draft_part *p, const struct route *r) {
        struct arena *a = c->draft.arena;
        struct yaml_text *proxy = yaml_text_put(a, p->map, STR("proxy"), YAML_TEXT_MAP),
                         *domains = yaml_text_put(a, proxy, STR("domains"), YAML_TEXT_LIST),
                         *port = yaml_text_find(p->map, STR("port"));

        VEC_EACH(domain, &r->domains)
                (void) yaml_text_add_text(a, domains, *domain);
        if (!str_is_absent(r->path))
                (void) yaml_text_put_text(a, proxy, STR("path"), r->path);
        if (!str_is_absent(r->port))
                import_put_scalar(a, p->map, STR("port"), r->port);
        else if (!port) {
                import_put_scalar(a, p->map, STR("port"), STR("80"));
                draft_note(&c->draft, p->map, c->service->key->at,
                           "the labels name no port, and 80 is a guess: write the port that the image has");
        }
}

static void put_label(struct compose *c, struct draft_part *p, struct str key, const struct node *value) {
        struct yaml_text *labels = yaml_text_put(c->draft.arena, p->map, STR("labels"), YAML_TEXT_MAP);
        struct str text;

        c->placeholder = is_rule(key) || is_caddy(key) ? "change-me.example.com" : NULL;
        text = value ? compose_text(c, value) : STR("");
        c->placeholder = NULL;
        (void) yaml_text_put_text(c->draft.arena, labels, key, str_is_absent(text) ? STR("") : text);
}

static bool take_label(struct compose *c, struct route *r, const struct yaml_text *label) {
        return take_traefik(c, r, label->key, label->text) || take_caddy(c, r, label->key, label->text);
}

/* Without a route that a definition can have, all stay. */
void compose_put_labels(struct compose *c, struct draft_part *p, const struct node *n) {
        struct yaml_text *labels;
        struct route route = { 0 };
        size_t kept = 0;

        compose_pairs(c, p, n, put_label);
        labels = yaml_text_find(p->map, STR("labels"));
        for (size_t i = 0; labels && p->kind == PART_SERVICE && i < labels->items.n; i++)
                (void) take_label(c, &route, labels->items.at[i]);
        if (!route.is_made)
                return;

        put_route(c, p, &route);
        VEC_EACH(label, &labels->items) {
                if (take_label(c, &route, *label))
                        continue;
                labels->items.at[kept++] = *label;
                if (str_has_prefix((*label)->key, STR("traefik.")) ||
                    str_has_prefix((*label)->key, STR("caddy")))
                        compose_enumerate(c, &route.rest, (*label)->key);
        }
        labels->items.n = kept;
        if (!str_is_absent(route.rest))
                draft_note(&c->draft, p->map, n->at,
                           "'proxy:' has the route, but HAProxy does not read these labels: %.*s",
                           STR_ARG(route.rest));
}
