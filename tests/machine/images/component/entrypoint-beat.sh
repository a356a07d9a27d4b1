#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
python3 -m celery --app=component.celery_app.app beat &
