/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The schemas that are used by more than one table of rows. */

#include "app/app.h"

extern const struct schema file_schema, repository_schema, auth_tracking_schema, base_schema,
        container_schema, health_schema, proxy_schema, restart_policy_schema, service_schema, sidecar_schema,
        task_schema, timer_schema, host_error_pages_schema;
