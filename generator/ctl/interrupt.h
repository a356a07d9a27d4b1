/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Work that remains when a signal ends this program: Ctrl-C, a closed terminal, `kill`. One thing at a
 * time. */

/* From here on. `act` may do only what signal-safety(7) allows. A signal that is ignored stays so. */
void interrupt_begin(void (*act)(void));

void interrupt_end(void);
