/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "base/macro.h"

static const int numbers[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
static struct sigaction before[ARRAY_SIZE(numbers)];
static void (*wanted)(void);

/* By then the signal has its old meaning again (SA_RESETHAND), and ends the program when this returns. */
static void on_signal(int number) {
        wanted();
        (void) raise(number);
}

void interrupt_begin(void (*act)(void)) {
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int) SA_RESETHAND };

        wanted = act;
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                (void) sigaction(numbers[i], NULL, &before[i]);
                if (before[i].sa_handler != SIG_IGN)
                        (void) sigaction(numbers[i], &action, NULL);
        }
}

void interrupt_end(void) {
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                (void) sigaction(numbers[i], &before[i], NULL);
}
