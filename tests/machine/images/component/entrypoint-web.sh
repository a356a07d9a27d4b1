#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
gunicorn component.wsgi:application --bind=0.0.0.0:80 --workers="${APP_WORKER_COUNT:-1}" --worker-tmp-dir=/dev/shm &
