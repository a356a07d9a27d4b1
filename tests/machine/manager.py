# SPDX-License-Identifier: Apache-2.0
"""systemd of a machine, asked over D-Bus as org.freedesktop.systemd1(5) says: a look costs a tenth of what `systemctl` does.

Over the machine's bus: systemd's own socket, which `systemctl` uses, answers nobody from outside the machine's PID namespace.
"""

import ctypes
import os
from ctypes import byref, c_char_p, c_int, c_uint32, c_uint64, c_void_p

LIBRARY = ctypes.CDLL("libsystemd.so.0")
LIBRARY.sd_bus_flush_close_unref.restype = LIBRARY.sd_bus_message_unref.restype = c_void_p
NAME, OBJECT = b"org.freedesktop.systemd1", b"/org/freedesktop/systemd1"
MANAGER, UNIT = b"org.freedesktop.systemd1.Manager", b"org.freedesktop.systemd1.Unit"
UNIT_ROW = b"(ssssssouso)"
TYPES = (".automount", ".device", ".mount", ".path", ".scope", ".service", ".slice", ".socket", ".swap", ".target", ".timer")
TIMEOUT = 600_000_000       # microseconds: a reload on the slowest machine


class ManagerError(AssertionError):
    pass


class Error(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("message", c_char_p), ("need_free", c_int)]


class Manager:
    """One connection to the machine whose root directory this is."""

    def __init__(self, root: str):
        self.bus, self.error = c_void_p(), Error()
        self.check("new", byref(self.bus))
        self.check("set_address", self.bus, f"unix:path={root}/run/dbus/system_bus_socket".encode())
        self.check("set_bus_client", self.bus, 1)
        self.check("set_method_call_timeout", self.bus, c_uint64(TIMEOUT))
        self.check("start", self.bus)

    def __enter__(self) -> "Manager":
        return self

    def __exit__(self, *failure) -> None:
        LIBRARY.sd_bus_flush_close_unref(self.bus)
        LIBRARY.sd_bus_error_free(byref(self.error))

    def check(self, function: str, *arguments) -> int:
        result = LIBRARY[f"sd_bus_{function}"](*arguments)
        if result < 0:
            raise ManagerError(f"systemd: {(self.error.message or os.strerror(-result).encode()).decode()}")
        return result

    def call(self, method: bytes, *arguments) -> c_void_p:
        """The caller drops the reply."""
        reply = c_void_p()
        self.check("call_method", self.bus, NAME, OBJECT, MANAGER, method, byref(self.error), byref(reply), *arguments)
        return reply

    def reload(self) -> None:
        LIBRARY.sd_bus_message_unref(self.call(b"Reload", c_void_p()))

    def n_jobs(self) -> int:
        number = c_uint32()
        self.check("get_property_trivial", self.bus, NAME, OBJECT, MANAGER, b"NJobs", byref(self.error), ord("u"), byref(number))
        return number.value

    def active_state(self, unit: str) -> str:
        """A name without a type is that of a service, as for the command."""
        unit = unit if unit.endswith(TYPES) else f"{unit}.service"
        path, state = c_char_p(), c_char_p()    # a few bytes, which nobody frees
        self.check("path_encode", OBJECT + b"/unit", unit.encode(), byref(path))
        self.check("get_property_string", self.bus, NAME, path, UNIT, b"ActiveState", byref(self.error), byref(state))
        return state.value.decode()

    def units_in(self, *states: str) -> set[str]:
        """The names of the units that are in one of these states."""
        words = [c_char_p(state.encode()) for state in states]
        row = [c_uint32() if kind == ord("u") else c_char_p() for kind in UNIT_ROW[1:-1]]
        names = set()
        reply = self.call(b"ListUnitsFiltered", b"as", len(words), *words)
        try:
            self.check("message_enter_container", reply, ord("a"), UNIT_ROW)
            while self.check("message_read", reply, UNIT_ROW, *map(byref, row)):
                names.add(row[0].value.decode())
        finally:
            LIBRARY.sd_bus_message_unref(reply)
        return names
