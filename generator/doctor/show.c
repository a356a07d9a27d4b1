/* SPDX-License-Identifier: Apache-2.0 */

/* The findings of doctor, with little output if little is wrong. */

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "doctor/doctor.h"

enum { INDENT = 10, SHOWN_MAX = 20 };

static const char *const level_names[] = { "good", "skipped", "warning", "bad" };

static size_t columns_of(int fd) {
        struct winsize size;

        return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 2 * INDENT ? size.ws_col : 0;
}

/* Words, in lines of at most `columns`, each further one indented; 0: all in one line. */
static void put_wrapped(struct buf *out, struct str text, size_t columns) {
        struct str rest = text, word;
        size_t at = INDENT;

        for (bool is_first = true; str_split(&rest, ' ', &word); is_first = false) {
                size_t width = 0;

                for (size_t i = 0; i < word.n; i++)
                        width += ((unsigned char) word.p[i] & 0xc0) != 0x80;
                if (!is_first && columns > 0 && at + 1 + width > columns) {
                        buf_put(out, "\n          ");
                        at = INDENT;
                } else if (!is_first) {
                        buf_put_char(out, ' ');
                        at++;
                }
                buf_put_str(out, word);
                at += width;
        }
        buf_put_char(out, '\n');
}

static void put_finding(struct buf *out, const struct finding *f, size_t columns, bool is_colored) {
        static const char *const colors[] = {
                [DOCTOR_GOOD] = "", [DOCTOR_WARNING] = "\033[1;33m", [DOCTOR_BAD] = "\033[1;31m"
        };
        static const char *const words[] = {
                [DOCTOR_GOOD] = "  note    ", [DOCTOR_WARNING] = "  warning ", [DOCTOR_BAD] = "  bad     "
        };
        struct str text =
                str_is_absent(f->app) ? f->text : arena_join(out->arena, f->app, STR(": "), f->text);

        buf_put(out, is_colored ? colors[f->level] : "");
        buf_put(out, words[f->level]);
        buf_put(out, is_colored ? "\033[0m" : "");
        put_wrapped(out, text, columns);
        if (f->advice.n > 0) {
                buf_put(out, "          ");
                put_wrapped(out, arena_join(out->arena, STR("→ "), f->advice), columns);
        }
}

static bool is_alike(const struct finding *a, const struct finding *b) {
        return a->many.n > 0 && a->level == b->level && str_eq(a->many, b->many);
}

/* These commands take several names; other advice is that for the first. */
static bool takes_names(const struct finding *f) {
        return (str_has_prefix(f->advice, STR("podman ")) || str_has_prefix(f->advice, STR("systemctl "))) &&
               str_has_suffix(f->advice, f->name);
}

/* All findings of the result that are like the first, which is among them. */
static struct finding merge(struct arena *a, const struct doctor_result *result,
                            const struct finding *first) {
        struct finding out = { .level = first->level, .advice = first->advice };
        struct str names = STR("");
        size_t n = 0;

        VEC_EACH(f, &result->findings) {
                if (!is_alike(first, f))
                        continue;
                n++;
                if (n <= SHOWN_MAX)
                        names = arena_join(a, names, n > 1 ? STR(", ") : STR(""), f->name);
                if (n > 1 && n <= SHOWN_MAX && takes_names(first))
                        out.advice = arena_join(a, out.advice, STR(" "), f->name);
        }
        if (n <= 1)
                return *first;

        out.text = arena_join(a, arena_u64(a, n), STR(" "), first->many, STR(": "), names,
                              n > SHOWN_MAX ? STR(" …; --json shows all") : STR(""));
        return out;
}

/* One for each kind, in the order of the first of the kind. */
static void merge_alike(struct arena *a, const struct doctor_result *result, struct doctor_result *ret) {
        *ret = (struct doctor_result){ .check = result->check };
        for (size_t i = 0; i < result->findings.n; i++) {
                bool is_merged = false;

                for (size_t k = 0; k < i; k++)
                        is_merged = is_merged || is_alike(&result->findings.at[k], &result->findings.at[i]);
                if (!is_merged)
                        *vec_push(a, &ret->findings) = merge(a, result, &result->findings.at[i]);
        }
}

static void put_groups(struct doctor *d, struct buf *out) {
        size_t columns = columns_of(STDOUT_FILENO);
        bool is_colored = log_is_colored(STDOUT_FILENO);
        const char *group = "";

        VEC_EACH(result, &d->results) {
                struct doctor_result merged;

                merge_alike(d->arena, result, &merged);
                if (merged.findings.n > 0 && strcmp(group, result->check->group) != 0) {
                        group = result->check->group;
                        buf_put(out, group);
                        buf_put_char(out, '\n');
                }
                for (size_t i = 0; i < merged.findings.n && i < SHOWN_MAX; i++)
                        put_finding(out, &merged.findings.at[i], columns, is_colored);
                if (merged.findings.n > SHOWN_MAX) {
                        buf_put(out, "          and ");
                        buf_put_u64(out, merged.findings.n - SHOWN_MAX);
                        buf_put(out, " more like this; --json shows all\n");
                }
        }
}

static size_t count(const struct doctor *d, enum doctor_level level) {
        size_t n = 0;

        VEC_EACH(result, &d->results)
                n += result->level == level;
        return n;
}

static void put_count(struct buf *out, size_t n, const char *one, const char *many) {
        buf_put_u64(out, n);
        buf_put_char(out, ' ');
        buf_put(out, n == 1 ? one : many);
}

/* "; 7 checks need root": a reason once, with its number. */
static void put_skipped(struct doctor *d, struct buf *out) {
        for (size_t i = 0; i < d->results.n; i++) {
                const char *reason = d->results.at[i].reason;
                size_t n = 0;
                bool is_told = false;

                for (size_t k = 0; reason && k < d->results.n; k++) {
                        const char *other = d->results.at[k].reason;

                        n += other && strcmp(other, reason) == 0;
                        is_told = is_told || (k < i && other && strcmp(other, reason) == 0);
                }
                if (n == 0 || is_told)
                        continue;
                buf_put(out, "; ");
                put_count(out, n, "more ", "more ");
                buf_put(out, reason);
        }
}

static void put_fixable(struct doctor *d, struct buf *out) {
        size_t n = 0;

        VEC_EACH(result, &d->results)
                VEC_EACH(f, &result->findings)
                        n += f->fix != NULL;
        if (n == 0)
                return;
        buf_put(out, "; --fix fixes ");
        buf_put_u64(out, n);
}

static struct str make_summary(struct doctor *d) {
        size_t n_good = count(d, DOCTOR_GOOD), n_warnings = count(d, DOCTOR_WARNING),
               n_bad = count(d, DOCTOR_BAD);
        struct buf out = buf_in(d->arena);

        if (n_bad == 0 && n_warnings == 0) {
                buf_put(&out, "all ");
                put_count(&out, n_good, "check is good", "checks are good");
        } else {
                put_count(&out, n_good, "check is good", "checks are good");
                buf_put(&out, ", ");
                put_count(&out, n_warnings, "warns", "warn");
                buf_put(&out, ", ");
                put_count(&out, n_bad, "is bad", "are bad");
        }
        put_skipped(d, &out);
        put_fixable(d, &out);
        return buf_str(&out);
}

static struct str make_text(struct doctor *d) {
        struct buf out = buf_in(d->arena);

        put_groups(d, &out);
        if (out.n > 0)
                buf_put_char(&out, '\n');
        put_wrapped(&out, make_summary(d), columns_of(STDOUT_FILENO));
        return buf_str(&out);
}

static void emit_finding(struct json_writer *e, const struct finding *f) {
        json_open(e, NULL, '{');
        json_text(e, "level", str_of(level_names[f->level]));
        json_text(e, "app", f->app);
        json_text(e, "text", f->text);
        json_text(e, "advice", f->advice);
        json_text(e, "fix", f->fix ? doctor_fix_text(e->out->arena, f) : (struct str){ 0 });
        json_close(e, '}');
}

static void emit_result(struct json_writer *e, const struct doctor_result *result) {
        json_open(e, NULL, '{');
        json_text(e, "check", str_of(result->check->name));
        json_text(e, "group", str_of(result->check->group));
        json_text(e, "about", str_of(result->check->doc));
        json_text(e, "level", str_of(level_names[result->level]));
        json_text(e, "reason", result->reason ? str_of(result->reason) : (struct str){ 0 });
        json_open(e, "findings", '[');
        VEC_EACH(f, &result->findings)
                emit_finding(e, f);
        json_close(e, ']');
        json_close(e, '}');
}

static struct str make_json(struct doctor *d) {
        struct buf out = buf_in(d->arena);
        struct json_writer e = { .out = &out };

        json_open(&e, NULL, '{');
        for (enum doctor_level level = DOCTOR_GOOD; level <= DOCTOR_BAD; level++)
                json_number(&e, level_names[level], count(d, level));
        json_open(&e, "checks", '[');
        VEC_EACH(result, &d->results)
                emit_result(&e, result);
        json_close(&e, ']');
        json_close(&e, '}');
        buf_put_char(&out, '\n');
        return buf_str(&out);
}

int doctor_show(struct doctor *d) {
        int r = ctl_write(stdout, d->ctl->is_json ? make_json(d) : make_text(d));

        return r == CTL_GOOD && count(d, DOCTOR_BAD) > 0 ? CTL_ERROR : r;
}
