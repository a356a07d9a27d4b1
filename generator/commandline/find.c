/* SPDX-License-Identifier: Apache-2.0 */
#include "commandline/find.h"

#include "input/diag.h"

/* Words of other tools. */
static const struct {
        const char *words, *meaning;
} counterparts[] = {
        { "bash,console,sh,ssh", "'pyservicectl shell APP'" },
        { "build,pull,upgrade", "'pyservicectl update APP'" },
        { "config,values", "'pyservicectl get APP'; 'pyservicectl env APP' shows the environment" },
        { "convert", "'pyservicectl import'" },
        { "create,init", "'pyservicectl new APP'" },
        { "delete,destroy,remove,rm,uninstall",
          "to remove its file, then 'pyservicectl apply', and 'pyservicectl purge APP' for its data" },
        { "deploy,reload,sync,up", "'pyservicectl apply'" },
        { "describe,inspect", "'pyservicectl status APP'; 'pyservicectl cat APP' shows the definition" },
        { "diagnose,health", "'pyservicectl doctor'" },
        { "diff", "'pyservicectl plan --diff'" },
        { "disable", "'pyservicectl stop --lasting APP'" },
        { "down,kill", "'pyservicectl stop APP'" },
        { "enable", "'pyservicectl start APP'" },
        { "attach,events,journal,tail", "'pyservicectl logs -f APP'" },
        { "explain", "'pyservicectl schema --keys', and pyservice.d(5)" },
        { "history,releases", "'pyservicectl rollout history APP'" },
        { "list,ls", "'pyservicectl status'" },
        { "lint,test,validate,verify", "'pyservicectl check'" },
        { "pause", "'pyservicectl rollout pause APP'" },
        { "prune", "'pyservicectl purge APP'" },
        { "redeploy", "'pyservicectl restart APP'" },
        { "resume,unpause", "'pyservicectl rollout resume APP'" },
        { "retry", "'pyservicectl rollout retry APP'" },
        { "revert,rollback,undo", "'pyservicectl rollout undo APP'" },
        { "secrets", "'pyservicectl secret list APP'" },
        { "show", "'pyservicectl cat APP'" },
        { "stats", "'pyservicectl top'" },
        { "prometheus,openmetrics,exporter", "'pyservicectl metrics'" },
        { "tasks", "'pyservicectl run APP'" },
        { "tree", "'pyservicectl graph'" },
        { "unset", "'pyservicectl set APP KEY null'" },
        { "version", "'pyservicectl --version'" },
        { "wait", "'pyservicectl rollout status APP'" },
};

const struct verb *verb_find(const struct ctl *c, struct str name) {
        for (size_t i = 0; i < c->n_verbs; i++)
                if (str_is(name, c->verbs[i].name))
                        return &c->verbs[i];
        return NULL;
}

static const char *find_counterpart(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(counterparts); i++)
                if (str_list_has(str_of(counterparts[i].words), str_of(name)))
                        return counterparts[i].meaning;
        return NULL;
}

int verb_unknown(struct ctl *c, const char *name) {
        struct str *names = arena_array(&c->arena, c->n_verbs, struct str), near;
        const char *counterpart = find_counterpart(name);

        for (size_t i = 0; i < c->n_verbs; i++)
                names[i] = str_of(c->verbs[i].name);
        near = diag_nearest(str_of(name), names, c->n_verbs);

        if (counterpart)
                (void) fprintf(stderr, "pyservicectl: '%s' is %s\n", name, counterpart);
        else if (str_is_absent(near))
                (void) fprintf(stderr, "pyservicectl: unknown command '%s'; try 'pyservicectl help'\n", name);
        else
                (void) fprintf(stderr, "pyservicectl: unknown command '%s'; did you mean '%.*s'?\n", name,
                               STR_ARG(near));
        return CTL_USAGE;
}
