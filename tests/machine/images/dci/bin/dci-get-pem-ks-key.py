#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the key that the SSO server publishes; the lab has no such server, so it is always this one."""

print("-----BEGIN PUBLIC KEY-----\nthe key of the SSO server\n-----END PUBLIC KEY-----")
