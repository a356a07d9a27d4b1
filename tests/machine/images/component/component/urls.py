# SPDX-License-Identifier: Apache-2.0
import socket

from django.core.cache import caches
from django.http import HttpResponse, JsonResponse
from django.urls import path

from component.celery_app import work
from component.models import Job


def index(request):
    return JsonResponse({"hostname": socket.gethostname()})


def healthcheck(request):
    """Well where the database has its schema and both Redis answer."""
    Job.objects.exists()
    for name in caches:
        caches[name].set("health", 1)
    return HttpResponse("ok\n")


def jobs(request):
    job = Job.objects.create(held="held" in request.GET)
    work.delay(job.pk)
    return JsonResponse({"job": job.pk})


urlpatterns = [path("", index), path("healthcheck/", healthcheck), path("jobs/", jobs)]
