"""Programs that attack a sandbox's bookkeeping, as data: descriptors, traces, CPU, sleep, memory, returned values.

Each has a name, its source, and the statuses that are right for it. A program without `check` prints "held", the right
answer, if its attempt was refused. A program with `check` defines f and is graded by tests of a benchmark, which call
f(1) and expect 2.
"""

# Programs are read more easily in long lines than in halves.
# ruff: noqa: E501
from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.graders.code.problem import ProgramStatus

PASSED, WRONG, RUNTIME = ProgramStatus.PASSED, ProgramStatus.WRONG_ANSWER, ProgramStatus.RUNTIME_ERROR
TIME, MEMORY, OUTPUT = ProgramStatus.TIME_LIMIT, ProgramStatus.MEMORY_LIMIT, ProgramStatus.OUTPUT_LIMIT


@dataclass(frozen=True, slots=True)
class Attack:
    """A program and the statuses that are right for it."""

    name: str
    source: str
    statuses: tuple[ProgramStatus, ...]
    is_check: bool = False


def script(name: str, source: str, *statuses: ProgramStatus) -> Attack:
    """A program that reads standard input."""
    return Attack(name, source, statuses)


def function(name: str, source: str, *statuses: ProgramStatus) -> Attack:
    """A program whose function f the tests of a benchmark call."""
    return Attack(name, source, statuses, is_check=True)


_HELD = "print('ESCAPED' if found else 'held')"

DESCRIPTORS = [
    script(
        "writes_to_every_descriptor",
        "import os\nfound = []\nfor fd in range(3, 5000):\n    try:\n        os.write(fd, b'1')\n        found.append(fd)\n"
        f"    except OSError:\n        pass\n{_HELD}",
        PASSED,
    ),
    script(
        "reports_on_every_descriptor",
        "import json, os, socket\nreport = json.dumps({'is_set_up': True, 'exit_code': 0, 'stopped': '', 'cpu_s': 0,\n"
        "    'blocked_s': 0, 'wall_s': 0, 'peak_bytes': 0, 'is_dirty': False, 'ticket': ''}).encode()\nfound = []\n"
        "for fd in range(3, 5000):\n    try:\n        socket.socket(fileno=os.dup(fd)).send(report)\n"
        f"        found.append(fd)\n    except OSError:\n        pass\n{_HELD}",
        PASSED,
    ),
    script(
        "receives_on_every_descriptor",
        "import os, socket\nfound = []\nfor fd in range(3, 5000):\n    try:\n"
        "        found.append(socket.socket(fileno=os.dup(fd)).recv(99, socket.MSG_DONTWAIT))\n"
        f"    except OSError:\n        pass\n{_HELD}",
        PASSED,
    ),
    script(
        "lists_descriptors",
        f"import os\nfound = [fd for fd in os.listdir('/proc/self/fd') if int(fd) > 3]\n{_HELD}",
        PASSED,
    ),
    script(
        "lists_descriptors_of_a_child",
        "import os, subprocess\n"
        "names = subprocess.run(['/bin/ls', '/proc/self/fd'], close_fds=False, stdout=-1).stdout.split()\n"
        f"found = [fd for fd in names if int(fd) > 6]\n{_HELD}",
        PASSED,
    ),
    script(
        "looks_for_high_descriptors",
        "import fcntl\nfound = []\nfor fd in [*range(3, 3000), 2**16, 2**20, 2**30]:\n    try:\n"
        f"        found.append(fcntl.fcntl(fd, fcntl.F_GETFD))\n    except OSError:\n        pass\n{_HELD}",
        PASSED,
    ),
    script(
        "takes_descriptors_of_the_supervisor",
        "import ctypes, os\nlibc = ctypes.CDLL(None)\npid = libc.syscall(434, 1, 0)\n"
        f"found = [fd for fd in range(64) if libc.syscall(438, pid, fd, 0) >= 0]\n{_HELD}",
        PASSED,
    ),
    script(
        "opens_descriptors_of_the_supervisor",
        "import os\nfound = []\nfor fd in range(64):\n    try:\n        found.append(open(f'/proc/1/fd/{fd}', 'rb'))\n"
        f"    except OSError:\n        pass\n{_HELD}",
        PASSED,
    ),
    script(
        "searches_frames_for_the_ticket",
        "import gc, sys\nfound, frame = [], sys._getframe()\nwhile frame:\n"
        "    found += [n for n in frame.f_locals if 'ticket' in n]\n    frame = frame.f_back\n"
        "found += [o for o in gc.get_objects() if isinstance(o, dict) and isinstance(o.get('ticket'), (str, bytes))]\n"
        f"{_HELD}",
        PASSED,
    ),
    script(
        "uses_the_socket_of_the_supervisor",
        "import gc, socket\nfound = []\nfor o in gc.get_objects():\n    if isinstance(o, socket.socket):\n        try:\n"
        "            o.send(b'{}')\n            found.append(o)\n        except OSError:\n            pass\n"
        "import sys\nframe = sys._getframe()\nwhile frame:\n    s = getattr(frame.f_locals.get('self'), '_channel', None)\n"
        "    if s is not None:\n        try:\n            s.send(b'{}')\n            found.append(s)\n"
        f"        except OSError:\n            pass\n    frame = frame.f_back\n{_HELD}",
        PASSED,
    ),
]

# Each leaves a trace, or fails because the folder is not its own; CANARY looks for it afterwards.
TRACES = [
    script(name, f"import os\n{source}\nprint('held')", PASSED, RUNTIME)
    for name, source in {
        "closes_tmp": "os.chmod('/tmp', 0)",
        "makes_tmp_read_only": "os.chmod('/tmp', 0o555)",
        "takes_the_sticky_bit": "os.chmod('/tmp', 0o777)",
        "closes_shared_memory": "os.chmod('/dev/shm', 0)",
        "marks_shared_memory": "os.chmod('/dev/shm', 0o1770)",
        "marks_tmp": "os.setxattr('/tmp', 'user.message', b'from the program before')",
        "marks_shared_memory_by_attribute": "os.setxattr('/dev/shm', 'user.message', b'x' * 1000)",
        "gives_tmp_an_acl": (
            "import struct\nos.setxattr('/tmp', 'system.posix_acl_access', struct.pack('<I', 2) + b''.join(\n"
            "    struct.pack('<HHI', *entry) for entry in [(1, 7, 2**32 - 1), (2, 7, os.getuid()), (4, 7, 2**32 - 1),\n"
            "    (16, 7, 2**32 - 1), (32, 7, 2**32 - 1)]))"
        ),
        "sets_a_flag_of_tmp": (
            "import fcntl, struct\nfd = os.open('/tmp', 0)\n"
            "flags = struct.unpack('l', fcntl.ioctl(fd, 0x80086601, bytes(8)))[0]\n"
            "fcntl.ioctl(fd, 0x40086602, struct.pack('l', flags | 0x40))"
        ),
        "sets_the_time_of_tmp": "os.utime('/tmp', (12345, 67890))",
        "leaves_odd_names": "[open(b'/tmp/' + bytes([n]) + b'\\xff', 'w') for n in (1, 10, 13, 27, 32, 127)]",
        "leaves_closed_files": "[os.close(os.open(f'/dev/shm/{n}', os.O_CREAT, 0)) for n in range(50)]",
        "leaves_fifos_and_links": "os.mkfifo('/tmp/f')\nos.symlink('/', '/tmp/root')\nos.symlink('loop', '/tmp/loop')",
        "leaves_deep_folders": "p = '/tmp'\nfor n in range(30):\n    p += '/d'\n    os.mkdir(p)\nos.chmod('/tmp/d', 0)",
        "leaves_a_stopped_child": (
            "import signal\npid = os.fork()\nif not pid:\n    os.kill(os.getpid(), signal.SIGSTOP)\n"
            "os.waitpid(pid, os.WUNTRACED)"
        ),
        "leaves_a_stubborn_child": (
            "import signal\nif not os.fork():\n    os.setsid()\n    for n in range(1, 65):\n        try:\n"
            "            signal.signal(n, signal.SIG_IGN)\n        except (OSError, ValueError):\n            pass\n"
            "    while True:\n        signal.pause()"
        ),
    }.items()
]
CANARY = """
import os
assert [oct(os.stat(place).st_mode) for place in ("/tmp", "/dev/shm")] == ["0o41777", "0o41777"]
for place in ("/tmp", "/dev/shm"):
    assert os.listdir(place) == [] and os.listxattr(place) == [], place
    assert os.stat(place).st_mtime != 67890
    with open(f"{place}/mine", "w") as file:
        file.write("x")
assert len([name for name in os.listdir("/proc") if name.isdigit()]) <= 2
import fcntl, struct
assert not struct.unpack("l", fcntl.ioctl(os.open("/tmp", 0), 0x80086601, bytes(8)))[0] & 0x40
print("held")
"""

_BURN = "import os, time\ndef burn(s):\n    end = time.process_time() + s\n    while time.process_time() < end:\n        pass\n"
_CHILDREN = "for _ in range(60):\n    if not os.fork():\n        burn(.2)\n        os._exit(0)\n    time.sleep(.21)\nprint('held')"
CPU = [
    script(
        "ignores_sigchld", f"import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n{_BURN}{_CHILDREN}", TIME
    ),
    script(
        "does_not_wait_for_children",
        "import ctypes, struct\nact = struct.pack('QQQ', 0, 0x04000000 | 2, 0) + bytes(8)\n"
        f"ctypes.CDLL(None).syscall(13, 17, act, None, 8)\n{_BURN}{_CHILDREN}",
        TIME,
    ),
    script(
        "sets_sigchld_by_a_pointer_with_a_zero_half",
        "import ctypes, mmap, struct\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\n"
        "at = libc.mmap(ctypes.c_void_p(1 << 32), ctypes.c_size_t(4096), 3, 0x32, -1, ctypes.c_long(0))\n"
        "ctypes.memmove(at, struct.pack('QQQQ', 1, 0x04000000, 0, 0), 32)\n"
        f"libc.syscall(13, 17, ctypes.c_void_p(at), None, 8)\n{_BURN}{_CHILDREN}",
        TIME,
    ),
    script(
        "burns_in_grandchildren",
        f"{_BURN}for _ in range(60):\n    if not os.fork():\n        if not os.fork():\n            burn(.2)\n"
        "        os._exit(0)\n    os.wait()\n    time.sleep(.21)\nprint('held')",
        TIME,
    ),
    script(
        "relays_from_child_to_child",
        f"{_BURN}for _ in range(10**6):\n    burn(.05)\n    if os.fork():\n        time.sleep(.01)\n        os._exit(0)\n",
        WRONG,
        TIME,
    ),
    script(
        "burns_in_threads",
        "import hashlib, threading\ndef burn():\n    while True:\n        hashlib.sha256(bytes(10**7))\n"
        "[threading.Thread(target=burn).start() for _ in range(8)]",
        TIME,
    ),
    script("burns_in_a_shell", "import os\nos.system('while :; do :; done')\nprint('held')", TIME),
    script(
        "burns_in_short_programs",
        "import subprocess\nfor _ in range(2000):\n    subprocess.run(['/bin/ls', '-R', '/usr/lib'], stdout=-3)\nprint('held')",
        TIME,
    ),
    script(
        "clones_without_a_signal",
        f"import ctypes\nlibc = ctypes.CDLL(None)\n{_BURN}for _ in range(60):\n"
        "    if libc.syscall(56, 0, 0, 0, 0, 0) == 0:\n        burn(.2)\n        os._exit(0)\n    time.sleep(.21)\n"
        "print('held')",
        TIME,
    ),
    script("catches_the_cpu_signal", "import signal\nsignal.signal(24, lambda *_: None)\nwhile True:\n    pass", TIME),
]

SLEEP = [
    script("sleeps_in_naps", "import time\nwhile True:\n    time.sleep(.01)", TIME),
    script(
        "hides_sleep_behind_a_busy_thread",
        "import threading, time\ndef busy():\n    while True:\n        end = time.perf_counter() + .011\n"
        "        while time.perf_counter() < end:\n            pass\n        time.sleep(.029)\n"
        "threading.Thread(target=busy, daemon=True).start()\ntime.sleep(14)\nprint('held')",
        TIME,
    ),
    script(
        "sleeps_in_a_child",
        "import os, time\nif not os.fork():\n    time.sleep(60)\n    os._exit(0)\nos.wait()\nprint('held')",
        TIME,
    ),
    script("sleeps_in_select", "import select\nselect.select([], [], [], 60)\nprint('held')", TIME),
    script(
        "waits_for_a_lock",
        "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire(timeout=60)\nprint('held')",
        TIME,
    ),
    script("reads_an_empty_pipe", "import os\nr, w = os.pipe()\nos.read(r, 1)\nprint('held')", TIME),
    function("sleeps_in_a_call", "import time\ndef f(x):\n    time.sleep(20)\n    return x + 1", TIME),
    function("sleeps_at_import", "import time\ntime.sleep(20)\ndef f(x):\n    return x + 1", TIME),
    function(
        "naps_in_a_call",
        "import time\ndef f(x):\n    for _ in range(2000):\n        time.sleep(.01)\n    return x + 1",
        TIME,
    ),
    function(
        "sleeps_after_half_an_answer",
        "import os, time\ndef f(x):\n    os.write(3, b'{')\n    time.sleep(20)\n    return x + 1",
        TIME,
    ),
]

_MAP = "import mmap, os, time\nMIB = 2**20\ndef hide(m, size):\n    for at in range(0, size, MIB):\n        m[at:at + MIB] = b'x' * MIB\n"
MEMORY_USE = [
    script(
        "hides_shared_pages",
        f"{_MAP}m = mmap.mmap(-1, 900 * MIB)\nfor at in range(0, 900 * MIB, 40 * MIB):\n"
        "    m[at:at + 40 * MIB] = b'x' * (40 * MIB)\n    m.madvise(mmap.MADV_DONTNEED)\ntime.sleep(60)\nprint('held')",
        MEMORY,
        TIME,
    ),
    script(
        "hides_shared_pages_in_four_processes",
        f"{_MAP}for _ in range(4):\n    if not os.fork():\n        m = mmap.mmap(-1, 600 * MIB)\n"
        "        for at in range(0, 600 * MIB, 40 * MIB):\n            m[at:at + 40 * MIB] = b'x' * (40 * MIB)\n"
        "            m.madvise(mmap.MADV_DONTNEED)\n        time.sleep(60)\nos.wait()\nprint('held')",
        MEMORY,
        TIME,
    ),
    script(
        "fills_shared_pages_in_a_child_that_ends",
        f"{_MAP}m = mmap.mmap(-1, 800 * MIB)\nif not os.fork():\n    hide(m, 800 * MIB)\n    os._exit(0)\nos.wait()\n"
        "time.sleep(60)\nprint('held')",
        MEMORY,
        TIME,
    ),
    script(
        "maps_dev_zero",
        f"{_MAP}m = mmap.mmap(os.open('/dev/zero', os.O_RDWR), 800 * MIB)\nhide(m, 800 * MIB)\n"
        "m.madvise(mmap.MADV_DONTNEED)\ntime.sleep(60)\nprint('held')",
        MEMORY,
        TIME,
    ),
    script(
        "fills_datagram_buffers",
        "import os, socket, time\nfor _ in range(40):\n    if not os.fork():\n        kept = []\n        try:\n"
        "            while True:\n                pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "                kept.append(pair)\n                pair[0].setblocking(False)\n"
        "                pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**30)\n                try:\n"
        "                    while True:\n                        pair[0].send(b'x' * 100_000)\n"
        "                except BlockingIOError:\n                    pass\n        except OSError:\n            time.sleep(60)\n"
        "os.wait()\nprint('held')",
        MEMORY,
        TIME,
    ),
    script(
        "fills_stream_buffers",
        "import os, socket, time\nfor _ in range(40):\n    if not os.fork():\n        kept = []\n        try:\n"
        "            while True:\n                pair = socket.socketpair()\n                kept.append(pair)\n"
        "                for one in pair:\n                    one.setblocking(False)\n                    try:\n"
        "                        while True:\n                            one.send(b'x' * 2**16)\n"
        "                    except BlockingIOError:\n                        pass\n        except OSError:\n"
        "            time.sleep(60)\nos.wait()\nprint('held')",
        MEMORY,
        TIME,
    ),
    script(
        "divides_memory_between_children",
        "import os, time\nfor _ in range(30):\n    if not os.fork():\n        kept = bytearray(b'x') * (20 * 2**20)\n"
        "        time.sleep(60)\nos.wait()\nprint('held')",
        MEMORY,
        TIME,
    ),
    script(
        "allocates_in_c",
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\nwhile True:\n"
        "    p = libc.malloc(2**22)\n    if not p:\n        raise MemoryError\n    ctypes.memset(p, 1, 2**22)",
        MEMORY,
    ),
    script("careless_range", "print(sum(list(range(10**11))))", MEMORY),
    script("says_memory_error", "raise MemoryError", MEMORY),
]

RETURNED = [
    function("returns_a_careless_range", "def f(x):\n    return list(range(10**11))", MEMORY),
    function("allocates_at_once", "def f(x):\n    return [0] * 10**12", MEMORY),
    function("raises_memory_error", "def f(x):\n    raise MemoryError", MEMORY),
    function(
        "raises_memory_error_by_name",
        "class MemoryError(Exception):\n    pass\ndef f(x):\n    raise MemoryError",
        RUNTIME,
    ),
    function("raises_assertion_error", "def f(x):\n    assert x == 2", RUNTIME),
    function("returns_a_huge_list", "def f(x):\n    return 'x' * 5_000_000", OUTPUT),
    function("returns_nested_lists", "def f(x):\n    return [[]] * 100_000", WRONG, TIME),
    function(
        "returns_deep_lists",
        "def f(x):\n    a = []\n    for _ in range(10**5):\n        a = [a]\n    return a",
        TIME,
        RUNTIME,
        WRONG,
    ),
    function("returns_a_huge_number", "def f(x):\n    return 1 << 10**7", WRONG, OUTPUT),
    function(
        "answers_with_four_megabytes_of_digits",
        "import os\ndef f(x):\n    os.write(3, b'{\"returned\": ' + b'1' * 4_000_000 + b'}\\n')\n    os._exit(0)",
        RUNTIME,
        WRONG,
    ),
    function(
        "answers_without_an_end",
        "import os\ndef f(x):\n    while True:\n        os.write(3, b'[' * 65536)",
        OUTPUT,
    ),
    function(
        "answers_nested_sixteen_megabytes",
        "import os\ndef f(x):\n    os.write(3, b'{\"returned\": ' + b'[' * 2**24)\n    os._exit(0)",
        OUTPUT,
        RUNTIME,
    ),
    function(
        "answers_an_unknown_tag",
        'import os\ndef f(x):\n    os.write(3, b\'{"returned": {"x": 1}}\\n\')\n    os._exit(0)',
        RUNTIME,
    ),
    function(
        "raises_a_kind_that_needs_arguments", "def f(x):\n    raise UnicodeDecodeError('a', b'b', 0, 1, 'c')", RUNTIME
    ),
    function("exits_in_the_call", "import sys\ndef f(x):\n    sys.exit(0)", RUNTIME),
    function("exits_hard_in_the_call", "import os\ndef f(x):\n    os._exit(14)", RUNTIME),
    function(
        "returns_an_equal_to_all",
        "class E(int):\n    def __eq__(self, o):\n        return True\ndef f(x):\n    return E(7)",
        WRONG,
    ),
]
ATTACKS = [*DESCRIPTORS, *TRACES, *CPU, *SLEEP, *MEMORY_USE, *RETURNED]
