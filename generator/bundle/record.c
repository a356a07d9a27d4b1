/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/record.h"

#include <stdlib.h>

#include "bundle/rows.h"

static const char *const kinds[] = {
        [RECORD_SERVICE] = "service",
        [RECORD_SIDECAR] = "sidecar",
        [RECORD_TIMER] = "timer",
        [RECORD_TASK] = "task",
        NULL,
};

static const char *const balancers[] = { "haproxy", "nginx" };

static const struct row_kind rows[] = {
        ROW_LIST("part", struct record, parts, ROW_WORD(ROW_CHOICE, struct record_part, kind, kinds),
                 ROW_FIELD(ROW_NAME, struct record_part, unit),
                 ROW_FIELD(ROW_NUMBER, struct record_part, scale),
                 ROW_FIELD(ROW_TEXT, struct record_part, label),
                 ROW_FIELD(ROW_FLAG, struct record_part, runs_once),
                 ROW_FIELD(ROW_FLAG, struct record_part, has_spare),
                 ROW_FIELD(ROW_TEXT, struct record_part, image)),
        ROW_LIST("stopped", struct record, stopped, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("volume", struct record, volumes, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("front", struct record, fronts, ROW_FIELD(ROW_NAME, struct record_front, unit),
                 ROW_FIELD(ROW_NAME, struct record_front, hash)),
        ROW_LIST("server", struct record, servers, ROW_FIELD(ROW_NAME, struct record_server, unit),
                 ROW_FIELD(ROW_NAME, struct record_server, name),
                 ROW_FIELD(ROW_NAME, struct record_server, address)),
        ROW_LIST("requires", struct record, requires, ROW_FIELD(ROW_NAME, struct record_require, unit),
                 ROW_FIELD(ROW_NAME, struct record_require, name)),
        ROW_LIST("image", struct record, images, ROW_FIELD(ROW_NAME, struct record_image, file),
                 ROW_FIELD(ROW_NAME, struct record_image, reference),
                 ROW_FIELD(ROW_FLAG, struct record_image, is_asked_always)),
        ROW_LIST("acme", struct record, acme, ROW_FIELD(ROW_NAME, struct record_acme, unit),
                 ROW_FIELD(ROW_NAME, struct record_acme, domain),
                 ROW_WORD(ROW_FLAG, struct record_acme, is_nginx, balancers),
                 ROW_FIELD(ROW_NAME, struct record_acme, directory),
                 ROW_FIELD(ROW_TEXT, struct record_acme, email)),
};

static const struct row_file file =
        ROW_FILE(struct record, rows, .name = "pyservice-bundle", .version = RECORD_VERSION, .oldest = 1);

const char *record_kind_name(enum record_kind kind) {
        return kinds[kind];
}

struct record_part *record_find(const struct record *r, struct str unit) {
        VEC_EACH(part, &r->parts)
                if (str_eq(part->unit, unit))
                        return part;

        return NULL;
}

static int compare_parts(const void *a, const void *b) {
        return str_cmp(((const struct record_part *) a)->unit, ((const struct record_part *) b)->unit);
}

void record_sort(struct record *r) {
        if (r->parts.n > 1)
                qsort(r->parts.at, r->parts.n, sizeof(struct record_part), compare_parts);
}

struct str record_text(struct arena *a, const struct record *r) {
        return rows_text(a, &file, r);
}

void record_add_volume(struct arena *a, struct record *r, struct str name) {
        if (!VEC_HAS(&r->volumes, name))
                *vec_push(a, &r->volumes) = name;
}

static struct str front_of(const struct record *r, struct str unit) {
        VEC_EACH(front, &r->fronts)
                if (str_eq(front->unit, unit))
                        return front->hash;

        return (struct str){ 0 };
}

static const struct record_server *find_server(const struct record *r, const struct record_server *like) {
        VEC_EACH(server, &r->servers)
                if (str_eq(server->name, like->name) && str_eq(server->unit, like->unit))
                        return server;

        return NULL;
}

bool record_is_reached_alike(const struct record *a, const struct record *b, struct str unit) {
        if (!str_eq(front_of(a, unit), front_of(b, unit)))
                return false;
        VEC_EACH(server, &a->servers) {
                const struct record_server *other =
                        str_eq(server->unit, unit) ? find_server(b, server) : NULL;

                if (other && !str_eq(other->address, server->address))
                        return false;
        }

        return true;
}

void record_add_reach(struct arena *a, struct record *r, const struct record *from, struct str unit) {
        VEC_EACH(front, &from->fronts)
                if (str_eq(front->unit, unit))
                        *vec_push(a, &r->fronts) = *front;
        VEC_EACH(server, &from->servers)
                if (str_eq(server->unit, unit))
                        *vec_push(a, &r->servers) = *server;
        VEC_EACH(acme, &from->acme)
                if (str_eq(acme->unit, unit))
                        *vec_push(a, &r->acme) = *acme;
}

const struct record_image *record_find_image(const struct record *r, struct str file_name) {
        VEC_EACH(image, &r->images)
                if (str_eq(image->file, file_name))
                        return image;

        return NULL;
}

void record_add_objects(struct arena *a, struct record *r, const struct record *from) {
        VEC_EACH(volume, &from->volumes)
                record_add_volume(a, r, *volume);
        VEC_EACH(image, &from->images)
                if (!record_find_image(r, image->file))
                        *vec_push(a, &r->images) = *image;
}

void record_rescale(struct record *r, const struct record *from) {
        VEC_EACH(part, &r->parts) {
                const struct record_part *now = record_find(from, part->unit);

                part->scale = now ? now->scale : part->scale;
                part->runs_once = now ? now->runs_once : part->runs_once;
        }
}

static void list_instances(struct arena *a, const struct record_part *part, struct record_units *ret) {
        for (uint64_t i = 0; i < part->scale; i++) {
                struct str number = arena_u64(a, i),
                           unit = arena_join(a, part->unit, STR("@"), number, STR(".service"));

                *vec_push(a, &ret->list) = (struct record_unit){
                        part,
                        i,
                        unit,
                        part->runs_once ? arena_join(a, part->unit, STR("-once@"), number, STR(".target"))
                                        : unit,
                };
        }
}

static void list_one(struct arena *a, const struct record_part *part, struct record_units *ret) {
        struct str unit =
                arena_join(a, part->unit, part->kind == RECORD_TIMER ? STR(".timer") : STR(".service"));

        if (part->scale > 0)
                *vec_push(a, &ret->list) = (struct record_unit){
                        part,
                        0,
                        unit,
                        part->runs_once ? arena_join(a, part->unit, STR("-once.target")) : unit,
                };
}

void record_list(struct arena *a, const struct record *r, struct record_units *ret) {
        *ret = (struct record_units){ 0 };
        VEC_EACH(part, &r->parts)
                if (part->kind == RECORD_SERVICE)
                        list_instances(a, part, ret);
                else
                        list_one(a, part, ret);
}

bool record_is_stopped(const struct record *r, struct str upheld) {
        return VEC_HAS(&r->stopped, upheld);
}

int record_parse(struct arena *a, struct str text, struct record *ret) {
        return rows_parse(a, &file, text, ret);
}
