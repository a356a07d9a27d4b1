/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"

static const struct field repository_fields[] = {
        /* Secret, as one that is refused may have a password in it. */
        FIELD(repository, repo, "repo",
              "The repository: https, ssh (also USER@HOST:PATH), git, http, or a "
              "path of this machine, which is read as its owner. Submodules need "
              "URLs, not paths.",
              .flags = FIELD_REQUIRED | FIELD_SECRET),
        FIELD(repository, ref, "ref",
              "Tag, branch or commit. 'pyservicectl update' checks whether a branch "
              "has moved.",
              .flags = FIELD_REQUIRED),
        FIELD(repository, ssh_key, "ssh_key",
              "Private key for SSH. The host's key must be in the machine's known hosts "
              "(/etc/ssh/ssh_known_hosts, or root's)."),
        FIELD(repository, credential, "credential",
              "Name of a systemd credential for HTTPS that contains USER:PASSWORD, or only a "
              "token."),
        FIELD(repository, subdir, "subdir",
              "Directory of the repository that contains the application; "
              "other paths here are relative to it."),
        FIELD(repository, requirements, "requirements",
              "Requirements file for pip. Default: pinned-requirements.txt, if it exists."),
        FIELD(repository, python, "python", "Python version, for the base image and for conda.",
              .def = "3.12"),
        FIELD(repository, base, "base",
              "Base image. Default: docker.io/library/python:PYTHON-slim, or for conda "
              "docker.io/continuumio/miniconda3:latest."),
        FIELD(repository, manager, "manager",
              "Installer: 'pip'; 'uv', from uv.lock if it exists; or pip in an environment of 'conda'.",
              .choices = "pip|uv|conda", .def = "pip"),
        FIELD(repository, conda_base, "conda_base", "Directory of conda in the base image.",
              .def = "/opt/conda"),
        FIELD_LIST(repository, packages, "packages", "Debian packages to add.", .flags = FIELD_ONE_OK),
        FIELD(repository, containerfile, "containerfile",
              "Containerfile of the repository, instead of the generated one."),
        FIELD_COMMANDS(repository, before, "before",
                       "Commands that run in the image before requirements are installed and before the code "
                       "is copied.",
                       .flags = FIELD_ONE_OK),
        FIELD_COMMANDS(repository, after, "after",
                       "Commands that run in the image, in the directory of the code, after the code was "
                       "installed.",
                       .flags = FIELD_ONE_OK),
};
const struct schema repository_schema = {
        "source",
        "A Git repository, and how an image is built from it. If the image exists, nothing is built.",
        repository_fields,
        ARRAY_SIZE(repository_fields),
};
