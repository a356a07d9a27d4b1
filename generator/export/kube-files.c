/* SPDX-License-Identifier: Apache-2.0 */

/* The app's files: texts are keys of a ConfigMap, all else keys of its Secret. Each is mounted at its
 * place, alone. */

#include "app/home.h"
#include "export/kube.h"

/* "3-app.conf" */
static struct str key_of(struct kube *k, size_t i) {
        struct str path = k->app->files.at[i].dest.text;
        char *p = arena_array(k->arena, path.n + 1, char);
        size_t start = path.n;

        while (start > 0 && path.p[start - 1] != '/')
                start--;
        for (size_t j = start; j < path.n; j++) {
                char c = path.p[j];
                bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                               c == '.' || c == '_';

                p[j - start] = is_good ? c : '-';
        }

        return arena_join(k->arena, STR("file-"), arena_u64(k->arena, i), STR("-"),
                          (struct str){ p, path.n - start });
}

/* Its key in the Secret; absent for one in the ConfigMap. */
static struct str secret_key(struct kube *k, size_t i) {
        const struct app_file *f = &k->app->files.at[i];
        const struct secret_entry *s = kube_find_secret(&k->app->base.container, f->content.secret.text);

        if (!str_is_absent(f->source.text))
                return kube_file_key(k, key_of(k, i), f->source.text);

        return s ? kube_secret_key(k, k->app->name.text, s) : (struct str){ 0 };
}

void kube_files(struct kube *k) {
        for (size_t i = 0; i < k->app->files.n; i++) {
                const struct app_file *f = &k->app->files.at[i];

                if (!file_is_skipped(f) && str_is_absent(secret_key(k, i)))
                        (void) yaml_text_put_text(k->arena, k->files, key_of(k, i), f->content.text.text);
        }
}

static bool has_execute_bit(struct file_mode mode) {
        for (size_t i = 0; i < mode.text.n; i++)
                if ((mode.text.p[i] - '0') & 1)
                        return true;

        return false;
}

static struct yaml_text *volume_of(struct kube *k, struct yaml_text *pod, bool is_secret) {
        struct str name = is_secret ? STR("pyservice-secret-files") : STR("pyservice-files");
        struct yaml_text *volumes = kube_list(k, pod, "volumes"), *volume = kube_find(volumes, name), *source;

        if (volume)
                return volume;

        volume = kube_add_map(k, volumes);
        kube_text(k, volume, "name", name);
        source = kube_map(k, volume, is_secret ? "secret" : "configMap");
        kube_text(k, source, is_secret ? "secretName" : "name",
                  is_secret ? k->name : kube_object(k, STR("files")));
        return volume;
}

static void add_item(struct kube *k, struct yaml_text *volume, bool is_secret, size_t i) {
        struct yaml_text *item = kube_add_map(
                k, kube_list(k, kube_map(k, volume, is_secret ? "secret" : "configMap"), "items"));

        kube_text(k, item, "key", is_secret ? secret_key(k, i) : key_of(k, i));
        kube_text(k, item, "path", key_of(k, i));
        if (has_execute_bit(k->app->files.at[i].mode))
                kube_number(k, item, "mode", 0755);
}

void kube_file_mounts(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                      struct yaml_text *container) {
        bool is_any = false;

        for (size_t i = 0; i < k->app->files.n; i++) {
                const struct app_file *f = &k->app->files.at[i];
                bool is_secret;
                struct yaml_text *volume, *mount;

                if (file_is_skipped(f))
                        continue;
                is_any = true;
                is_secret = !str_is_absent(secret_key(k, i));
                volume = volume_of(k, pod, is_secret);
                add_item(k, volume, is_secret, i);
                mount = kube_add_map(k, kube_list(k, container, "volumeMounts"));
                kube_text(k, mount, "name", yaml_text_find(volume, STR("name"))->text);
                kube_text(k, mount, "mountPath", f->dest.text);
                kube_text(k, mount, "subPath", key_of(k, i));
                kube_flag(k, mount, "readOnly", true);
        }
        if (is_any)
                kube_say(k, p->document,
                         STR("Files belong to root there, and everybody in the container may read them."));
}
