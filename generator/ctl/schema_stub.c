#include "ctl/ctl.h"
int ctl_schema(struct ctl *c) { (void) c; return CTL_USAGE; }
