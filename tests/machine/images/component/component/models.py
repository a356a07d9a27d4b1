# SPDX-License-Identifier: Apache-2.0
from django.db import models


class Job(models.Model):
    held = models.BooleanField(default=False)
    worker = models.CharField(max_length=64, default="")
    attempts = models.IntegerField(default=0)
    ended = models.DateTimeField(null=True)


class Tick(models.Model):
    worker = models.CharField(max_length=64)
