# SPDX-License-Identifier: Apache-2.0
import socket
import time

from celery import Celery

app = Celery("component")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task
def work(pk):
    """Takes as long as the job is held."""
    from django.db.models import F
    from django.utils.timezone import now

    from component.models import Job
    job = Job.objects.filter(pk=pk)
    job.update(worker=socket.gethostname(), attempts=F("attempts") + 1)
    while job.filter(held=True).exists():
        time.sleep(0.2)
    job.update(ended=now())


@app.task
def tick():
    from component.models import Tick
    Tick.objects.create(worker=socket.gethostname())
