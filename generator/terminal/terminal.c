/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, without a cursor, lines not wrapped; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

enum { CTRL_C = 3, CTRL_D = 4, ROWS_DEFAULT = 24, FRAME_MAX = 1 << 17 };

static struct {
        bool is_entered, has_keys;
        int signals;
        sigset_t mask;           /* as it was */
        struct termios settings; /* as they were */
} terminal = { .signals = -1 };

bool terminal_is_there(void) {
        return isatty(STDOUT_FILENO);
}

static void put(const char *text) {
        (void) fputs(text, stdout);
        (void) fflush(stdout);
}

/* Keys come one by one, and none of them is a signal; what is written stays as it is. */
static void take_keys(void) {
        struct termios raw;

        terminal.has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &terminal.settings) == 0;
        if (!terminal.has_keys)
                return;

        raw = terminal.settings;
        cfmakeraw(&raw);
        raw.c_oflag = terminal.settings.c_oflag;
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
}

int terminal_enter(void) {
        sigset_t wanted;

        (void) sigemptyset(&wanted);
        (void) sigaddset(&wanted, SIGINT);
        (void) sigaddset(&wanted, SIGTERM);
        (void) sigaddset(&wanted, SIGHUP);
        (void) sigaddset(&wanted, SIGQUIT);
        (void) sigaddset(&wanted, SIGWINCH);
        terminal.signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
        if (terminal.signals < 0)
                return -errno;
        if (sigprocmask(SIG_BLOCK, &wanted, &terminal.mask) < 0)
                return -errno;

        /* Also where memory runs out. */
        (void) atexit(terminal_leave);
        terminal.is_entered = true;
        take_keys();
        /* A frame is written at once, so that the screen never shows half of it. */
        (void) setvbuf(stdout, NULL, _IOFBF, FRAME_MAX);
        put(ENTER);
        return 0;
}

void terminal_leave(void) {
        if (!terminal.is_entered)
                return;

        terminal.is_entered = false;
        put(LEAVE);
        if (terminal.has_keys)
                (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal.settings);
        (void) close(terminal.signals);
        (void) sigprocmask(SIG_SETMASK, &terminal.mask, NULL);
}

static size_t count_rows(void) {
        struct winsize size = { 0 };

        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
}

/* Over what stands there, so that nothing flickers. */
void terminal_draw(struct str text) {
        struct str line;

        (void) fputs("\033[H", stdout);
        for (size_t n = count_rows(); n > 0 && str_split(&text, '\n', &line); n--) {
                (void) fwrite(line.p, 1, line.n, stdout);
                (void) fputs(n > 1 ? "\033[K\r\n" : "\033[K", stdout);
        }
        put("\033[J");
}

static int read_signal(void) {
        struct signalfd_siginfo info;

        if (read(terminal.signals, &info, sizeof(info)) != (ssize_t) sizeof(info))
                return TERMINAL_NOTHING;

        return info.ssi_signo == SIGWINCH ? TERMINAL_RESIZED : TERMINAL_END;
}

static int read_key(void) {
        unsigned char key = 0;
        ssize_t n = read(STDIN_FILENO, &key, 1);

        if (n == 0 || key == CTRL_C || key == CTRL_D)
                return TERMINAL_END;

        return n < 0 ? TERMINAL_NOTHING : key;
}

int terminal_wait(int ms) {
        struct pollfd p[] = { { .fd = terminal.signals, .events = POLLIN },
                              { .fd = terminal.has_keys ? STDIN_FILENO : -1, .events = POLLIN } };

        if (poll(p, 2, ms) <= 0)
                return TERMINAL_NOTHING;

        return p[0].revents != 0 ? read_signal() : read_key();
}
