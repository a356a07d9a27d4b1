# SPDX-License-Identifier: Apache-2.0
"""The environment variables that the application cannot do without."""

import os
import sys

REQUIRED = """
    API_HOST SQLALCHEMY_DATABASE_URI SQLALCHEMY_POOL_SIZE SQLALCHEMY_MAX_OVERFLOW
    STORE_ENGINE STORE_FILES_CONTAINER STORE_COMPONENTS_CONTAINER ZMQ_CONN MAX_CONTENT_LENGTH_MB
    SSO_PUBLIC_KEY SSO_AUDIENCES SSO_READ_ONLY_GROUP SSO_URL SSO_REALM
    CERTIFICATION_URL ANALYTICS_URL AMQP_BROKER_URL
    RHDL_SERVICE_ACCOUNT_ACCESS_KEY RHDL_SERVICE_ACCOUNT_SECRET_KEY
""".split()
REQUIRED_FOR_S3 = "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION".split()


def require(*names):
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        sys.exit(f"missing environment variable: {' '.join(missing)}")


def check():
    require(*REQUIRED)
    engine = os.environ["STORE_ENGINE"]
    if engine not in ("s3", "file"):
        sys.exit(f"STORE_ENGINE is {engine!r}, not s3 or file")
    if engine == "s3":
        require(*REQUIRED_FOR_S3)
