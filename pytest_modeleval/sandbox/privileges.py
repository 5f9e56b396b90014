"""Drops the rights of this process, through the C library. Linux; standard library only.

The plugin does not import this module: its source is sent into the sandbox and runs there (see bootstrap.py).
The process cannot undo any of it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct

from pytest_modeleval.sandbox.seccomp import AUDIT_ARCH, build_filter

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """The result of a C call; raises an OSError that names the call, `what`, if it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, argument: int = 0, third: int = 0, *, what: str) -> None:
    """Call prctl. Raises OSError."""
    check(libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(third), 0, 0), what)


def become_user(uid: int) -> None:
    """Set the real, effective and saved user and group to uid and drop supplementary groups. Needs root."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # The kernel clears the flag with a change of user; /proc/self/uid_map would then belong to root.
    prctl(PR_SET_DUMPABLE, 1, what="prctl(PR_SET_DUMPABLE)")


def drop_capabilities() -> None:
    """Drop every capability from every set, irrevocably."""
    for capability in range(_LAST_CAPABILITY + 1):
        # Without CAP_SETPCAP the bounding set stays as it is; no_new_privs makes it ineffective.
        libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    libc.prctl(PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION_3, 0))
    check(libc.capset(header, ctypes.create_string_buffer(24)), "capset")


def lock_down() -> bool:
    """Forbid new privileges, ptrace and /proc access by the same user, and install the seccomp filter.

    False on an architecture for which no filter is known.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1, what="prctl(PR_SET_NO_NEW_PRIVS)")
    prctl(PR_SET_DUMPABLE, 0, what="prctl(PR_SET_DUMPABLE)")
    machine = platform.machine()
    if machine not in AUDIT_ARCH:
        return False
    code = build_filter(machine)
    program = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: the number of 8-byte instructions, and a pointer to them.
    descriptor = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(program)))
    result = libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), descriptor, 0, 0)
    check(result, "prctl(PR_SET_SECCOMP)")
    return True


def lower_limit(kind: int, value: int) -> None:
    """Lower one resource limit, soft and hard; a limit that is already lower stays."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
