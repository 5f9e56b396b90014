"""The seccomp filter of a graded program: the system calls that are refused. Pure; standard library only.

A deny list: the sandbox holds without it (namespaces, no capabilities, no new privileges). The filter removes kernel
surface that no solution of a contest needs. Refused calls fail with EPERM, so a program that only tries goes on. The
numbers come from the kernel's system call tables of x86-64 and arm64.
"""

from __future__ import annotations

import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name -> (x86_64, aarch64); -1 where the architecture has no such call.
REFUSED: dict[str, tuple[int, int]] = {
    # other processes: their memory, files, limits and scheduling
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # memory that no limit counts, and objects that outlive the process
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # kernel surface with a history of faults
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "vmsplice": (278, 75),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    "personality": (135, 92),
    "modify_ldt": (154, -1),
    # the machine
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, -1),
    "ioperm": (173, -1),
}
CLONE = (56, 220)
CLONE3 = 435
SOCKET = (41, 198)
PRLIMIT = (302, 261)
IOCTL = (16, 29)
SIGACTION = (13, 134)
CLONE_NEW_ANYTHING = 0x7E020080  # CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
AF_UNIX = 1
SIGCHLD = 17
TERMINAL_INJECTIONS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
# The call does nothing and returns 0.
PRETEND = 0x00050000
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24  # offsets in struct seccomp_data, little endian
_X32_BIT = 0x40000000


def build_filter(machine: str) -> bytes:
    """The filter as an array of struct sock_filter, for prctl(PR_SET_SECCOMP). KeyError on an unknown machine."""
    column = list(AUDIT_ARCH).index(machine)
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        # The x32 numbers are aliases of every call.
        code += [(_JUMP_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, EPERM)]
    # glibc falls back to clone, whose flags a filter can see; those of clone3 lie behind a pointer.
    code += [(_JUMP_EQUAL, 0, 1, CLONE3), (_RETURN, 0, 0, ENOSYS)]
    code += [
        *_on_argument(CLONE[column], _ARGUMENT_0, [(_JUMP_ANY_BIT, 0, 1, CLONE_NEW_ANYTHING), (_RETURN, 0, 0, EPERM)]),
        *_on_argument(SOCKET[column], _ARGUMENT_0, [(_JUMP_EQUAL, 1, 0, AF_UNIX), (_RETURN, 0, 0, EPERM)]),
        # The limits of other processes, first of all those of the supervisor.
        *_on_argument(PRLIMIT[column], _ARGUMENT_0, [(_JUMP_EQUAL, 1, 0, 0), (_RETURN, 0, 0, EPERM)]),
    ]
    # A parent that ignores SIGCHLD has its children reaped by the kernel, and their CPU time counted nowhere.
    # So the action for SIGCHLD stays the default. The call succeeds, for programs that ask in good faith.
    code += _on_argument(
        SIGACTION[column],
        _ARGUMENT_0,
        [
            (_JUMP_EQUAL, 0, 5, SIGCHLD),
            # A null pointer only asks for the present action.
            (_LOAD, 0, 0, _ARGUMENT_1),
            (_JUMP_EQUAL, 0, 2, 0),
            (_LOAD, 0, 0, _ARGUMENT_1 + 4),
            (_JUMP_EQUAL, 1, 0, 0),
            (_RETURN, 0, 0, PRETEND),
        ],
    )
    for request in TERMINAL_INJECTIONS:
        code += _on_argument(IOCTL[column], _ARGUMENT_1, [(_JUMP_EQUAL, 0, 1, request), (_RETURN, 0, 0, EPERM)])
    for numbers in REFUSED.values():
        number = numbers[column]
        if number >= 0:
            code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, EPERM)]
    code.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _on_argument(number: int, offset: int, test: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """For the call `number`: load one argument, run `test`, and reload the number if the test falls through."""
    inner = [(_LOAD, 0, 0, offset), *test, (_LOAD, 0, 0, _NUMBER)]
    return [(_JUMP_EQUAL, 0, len(inner), number), *inner]
