/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"

static const struct field repository_fields[] = {
        /* Secret, as one that is refused may have a password in it. */
        FIELD(repository, repo, "repo", "The repository: https, ssh (also USER@HOST:PATH), git, http, or a path of this machine, which is "
              "read as its owner. Submodules need URLs, never paths.",
              .flags = FIELD_REQUIRED | FIELD_SECRET),
        FIELD(repository, ref, "ref", "Tag, branch or commit. 'pyservicectl update' looks whether a branch has moved.", .flags = FIELD_REQUIRED),
        FIELD(repository, ssh_key, "ssh_key", "Private key for SSH. The host's key must be in the machine's known hosts (/etc/ssh/ssh_known_hosts, or root's)."),
        FIELD(repository, credential, "credential", "Name of a systemd credential for HTTPS that holds USER:PASSWORD, or a token alone."),
        FIELD(repository, subdir, "subdir", "Directory of the repository that holds the application; what else is named here lies below it."),
        FIELD(repository, requirements, "requirements", "Requirements file for pip. Without this key pinned-requirements.txt is taken where there is one."),
        FIELD(repository, python, "python", "Python version, for the base image and for conda.", .def = "3.12"),
        FIELD(repository, base, "base", "Base image. Without it docker.io/library/python:PYTHON-slim, or for conda docker.io/continuumio/miniconda3:latest."),
        FIELD(repository, manager, "manager", "What installs: 'pip'; 'uv', from uv.lock where there is one; or pip in an environment of 'conda'.",
              .choices = "pip|uv|conda", .def = "pip"),
        FIELD(repository, conda_base, "conda_base", "Where conda is in the base image.", .def = "/opt/conda"),
        FIELD_LIST(repository, packages, "packages", "Debian packages to add.", .flags = FIELD_ONE_OK),
        FIELD(repository, containerfile, "containerfile", "The repository's own Containerfile, in place of the generated one."),
        FIELD_COMMANDS(repository, before, "before", "Commands that run in the image before requirements are installed, when the code is not there yet.", .flags = FIELD_ONE_OK),
        FIELD_COMMANDS(repository, after, "after", "Commands that run in the image after the code was installed, in its directory.", .flags = FIELD_ONE_OK),
};
const struct schema repository_schema = {
        "source", "A Git repository, and how an image is built from it. Nothing is built where the image is there already.", repository_fields, ARRAY_SIZE(repository_fields),
};
