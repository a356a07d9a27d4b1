/* SPDX-License-Identifier: Apache-2.0 */

/* Volumes: a Podman volume becomes a claim for a volume, one for each instance a template of claims, NFS a
 * volume of its own; directories of the machine stay there, with a note. The app's directory `data`
 * becomes a claim; its files come from kube-files.c. */

#include "app/home.h"
#include "export/kube.h"
#include "schema/syntax.h"

#define GUESSED_SIZE STR("1Gi")

static bool is_path(struct str source) {
        return source.n > 0 && source.p[0] == '/';
}

static const struct volume *find_volume(const struct app *app, struct str name) {
        LIST_EACH(v, &app->volumes)
                if (str_eq(v->key.text, name))
                        return &v->value;

        return NULL;
}

static void put_size(struct kube *k, struct yaml_text *of, const char *key) {
        kube_text(k, kube_map(k, of, key), "storage", GUESSED_SIZE);
}

static bool is_data(const struct app *app, struct str source) {
        return app->home && str_eq(source, app->home->data.text);
}

/* Without what differs between instances. */
static struct str short_name(struct kube *k, struct str source) {
        struct str name = instance_mark_replace(k->arena, source, STR(""));

        if (is_data(k->app, source))
                return STR("data-directory");
        while (name.n > 0 && (name.p[0] == '/' || name.p[0] == '-'))
                name = str_from(name, 1);
        while (name.n > 0 && (name.p[name.n - 1] == '/' || name.p[name.n - 1] == '-'))
                name.n--;

        return kube_name(k->arena, name, 40);
}

/* Where another volume of the container's has the same, that of the whole source. */
static struct str name_in_pod(struct kube *k, const struct container *c, struct str source) {
        struct str name = short_name(k, source);

        LIST_EACH(spec, &c->volumes) {
                struct syntax_volume other = syntax_volume_split(spec->text);

                if (!str_eq(other.source, source) && str_eq(short_name(k, other.source), name))
                        return kube_name(k->arena, source, 40);
        }

        return name;
}

static void make_nfs(struct kube *k, const struct volume *v, struct kube_claim *claim) {
        struct str device = v->device.text, rest = v->options.text, option;
        size_t at = str_find_str(device, STR(":/"));
        struct kube_document *d = kube_document(k, KUBE_CONFIG, "v1", "PersistentVolume", claim->name);
        struct yaml_text *spec = kube_map(k, d->root, "spec"), *nfs;

        kube_labels(k, kube_map(k, d->root, "metadata"), (struct str){ 0 });
        put_size(k, spec, "capacity");
        (void) yaml_text_add_text(k->arena, kube_list(k, spec, "accessModes"), STR("ReadWriteMany"));
        kube_text(k, spec, "persistentVolumeReclaimPolicy", STR("Retain"));
        kube_text(k, spec, "storageClassName", STR(""));
        while (str_split(&rest, ',', &option))
                (void) yaml_text_add_text(k->arena, kube_list(k, spec, "mountOptions"), option);
        nfs = kube_map(k, spec, "nfs");
        kube_text(k, nfs, "server", (struct str){ device.p, at });
        kube_text(k, nfs, "path", str_from(device, at + 1));
        kube_say(k, d, STR("A PersistentVolume belongs to the whole cluster; NFS ignores the size."));

        spec = kube_map(k, claim->document->root, "spec");
        kube_text(k, spec, "storageClassName", STR(""));
        kube_text(k, spec, "volumeName", claim->name);
}

static struct kube_claim *add_claim(struct kube *k, struct str source, struct str name) {
        struct kube_claim *claim = vec_push(k->arena, &k->claims);
        const struct volume *v = find_volume(k->app, source);

        claim->source = source;
        claim->name = name;
        claim->document = kube_document(k, KUBE_VOLUME, "v1", "PersistentVolumeClaim", name);
        kube_labels(k, kube_map(k, claim->document->root, "metadata"), (struct str){ 0 });
        if (v && str_is(v->type.text, "nfs") && str_find_str(v->device.text, STR(":/")) < v->device.text.n)
                make_nfs(k, v, claim);
        else
                KUBE_SAY(k, claim->document,
                         STR("The size is a guess, and the content of the volume has to be copied."));
        if (v && (!str_is_absent(v->driver.text) ||
                  (!str_is_absent(v->device.text) && !str_is(v->type.text, "nfs"))))
                KUBE_MISS(k, claim->document, STR("driver, device and options of the volume '"), source,
                          STR("'; a storage class sets these"));
        if (str_has_suffix(source, STR(".volume")))
                KUBE_SAY(k, claim->document, STR("It replaces the volume that the machine's "), source,
                         STR(" makes."));
        return claim;
}

static struct str claim_of(struct kube *k, const struct kube_part *p, struct str source, struct str name) {
        struct kube_claim *claim = NULL;

        VEC_EACH(known, &k->claims)
                if (str_eq(known->source, source))
                        claim = known;
        if (!claim)
                claim = add_claim(k, source, name);

        claim->users += p->replicas;
        return claim->name;
}

void kube_claims_finish(struct kube *k) {
        VEC_EACH(claim, &k->claims) {
                struct yaml_text *spec = kube_map(k, claim->document->root, "spec");
                bool is_shared = claim->users > 1 || yaml_text_find(spec, STR("volumeName"));

                (void) yaml_text_add_text(k->arena, kube_list(k, spec, "accessModes"),
                                          is_shared ? STR("ReadWriteMany") : STR("ReadWriteOnce"));
                put_size(k, kube_map(k, spec, "resources"), "requests");
                if (is_shared && !yaml_text_find(spec, STR("volumeName")))
                        kube_say(k, claim->document,
                                 STR("Several pods share it: the cluster needs a storage class that has "
                                     "ReadWriteMany."));
        }
}

static void add_template(struct kube *k, struct kube_part *p, struct str source, struct str name) {
        struct yaml_text *claim, *spec;

        if (!p->claims)
                p->claims = yaml_text_new(k->arena, YAML_TEXT_LIST);
        claim = kube_add_map(k, p->claims);
        kube_text(k, kube_map(k, claim, "metadata"), "name", name);
        spec = kube_map(k, claim, "spec");
        (void) yaml_text_add_text(k->arena, kube_list(k, spec, "accessModes"), STR("ReadWriteOnce"));
        put_size(k, kube_map(k, spec, "resources"), "requests");
        KUBE_SAY(k, p->document, STR("Each pod has its own volume for "), source,
                 STR("; the size is a guess, and its content has to be copied."));
}

static void put_host_path(struct kube *k, const struct kube_part *p, struct yaml_text *volume,
                          struct str path) {
        kube_text(k, kube_map(k, volume, "hostPath"), "path", path);
        KUBE_MISS(k, p->document, STR("the machine's "), path,
                  STR(": each node has its own; put its content into a volume"));
}

static void put_volume(struct kube *k, const struct kube_part *p, struct yaml_text *volume,
                       struct str source) {
        const struct volume *v = find_volume(k->app, source);
        struct str claim;

        if (v && str_is(v->type.text, "tmpfs")) {
                kube_text(k, kube_map(k, volume, "emptyDir"), "medium", STR("Memory"));
                return;
        }
        if (v && is_path(v->device.text)) {
                put_host_path(k, p, volume, v->device.text);
                return;
        }
        if (is_path(source) && !is_data(k->app, source)) {
                put_host_path(k, p, volume, source);
                return;
        }

        claim = claim_of(k, p, source,
                         kube_object(k, is_path(source) && !find_volume(k->app, short_name(k, source))
                                                ? short_name(k, source)
                                                : source));
        kube_text(k, kube_map(k, volume, "persistentVolumeClaim"), "claimName", claim);
}

static bool is_read_only(struct kube *k, const struct kube_part *p, const struct syntax_volume *e) {
        struct str rest = e->options, option;
        bool is_so = false;

        while (str_split(&rest, ',', &option)) {
                is_so |= str_is(option, "ro");
                if (!str_is(option, "ro") && !str_is(option, "rw") && !str_is(option, "z") &&
                    !str_is(option, "Z"))
                        KUBE_MISS(k, p->document, STR("the option '"), option, STR("' of the volume "),
                                  e->source);
        }

        return is_so;
}

static void put_entry(struct kube *k, struct kube_part *p, const struct syntax_volume *e,
                      struct yaml_text *pod, struct yaml_text *container) {
        struct str name = name_in_pod(k, p->container, e->source);
        struct yaml_text *mount;

        if (has_instance_mark(e->source))
                add_template(k, p, e->source, name);
        else if (!kube_find(yaml_text_find(pod, STR("volumes")), name)) {
                struct yaml_text *volume = kube_add_map(k, kube_list(k, pod, "volumes"));

                kube_text(k, volume, "name", name);
                put_volume(k, p, volume, e->source);
        }

        mount = kube_add_map(k, kube_list(k, container, "volumeMounts"));
        kube_text(k, mount, "name", name);
        kube_text(k, mount, "mountPath", e->target);
        if (is_read_only(k, p, e))
                kube_flag(k, mount, "readOnly", true);
}

/* True for the app's directory for configuration and its files, which come from other code. */
static bool is_from_elsewhere(const struct app *app, struct str source) {
        if (!app->home)
                return false;
        if (str_eq(source, app->home->config.text))
                return true;
        LIST_EACH(f, &app->files)
                if (!file_is_skipped(f) && str_eq(f->dest.text, source))
                        return true;

        return false;
}

void kube_volumes(struct kube *k, struct kube_part *p, struct yaml_text *pod, struct yaml_text *container) {
        LIST_EACH(spec, &p->container->volumes) {
                struct syntax_volume e = syntax_volume_split(spec->text);

                if (!is_from_elsewhere(k->app, e.source))
                        put_entry(k, p, &e, pod, container);
        }
}
