# SPDX-License-Identifier: Apache-2.0
"""All from the environment, as the contract has it. In place of RabbitMQ there is a Redis that knows RabbitMQ's user."""

from os import environ
from urllib.parse import quote


def redis(name):
    return f"redis://{environ[name + '_HOST']}:{environ[name + '_PORT']}/{environ[name + '_DB']}"


def cache(name):
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis(name)}


DEBUG = environ["DJANGO_DEBUG"] == "true"
SECRET_KEY = environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = environ.get("DJANGO_ALLOWED_HOSTS", "*").split(",")
ROOT_URLCONF = "component.urls"
INSTALLED_APPS = ["component"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
DATABASES = {"default": {
    "ENGINE": f"django.db.backends.{environ.get('DATABASE_ENGINE', 'postgresql')}",
    "HOST": environ["DATABASE_HOST"], "PORT": environ["DATABASE_PORT"], "NAME": environ["DATABASE_NAME"],
    "USER": environ["DATABASE_USERNAME"], "PASSWORD": environ["DATABASE_PASSWORD"],
}}
CACHES = {"default": cache("CACHE_REDIS"), "session": cache("SESSION_REDIS")}

CELERY_BROKER_URL = (f"redis://{quote(environ['RABBITMQ_USERNAME'], '')}:{quote(environ['RABBITMQ_PASSWORD'], '')}"
                     f"@{environ['RABBITMQ_HOST']}:{environ['RABBITMQ_PORT']}/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {"tick": {"task": "component.celery_app.tick", "schedule": 1.0}}
