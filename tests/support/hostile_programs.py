"""Programs that a sandbox must contain, as data: name, source, and the statuses that are right for each.

A program that probes prints "held" if its attempt was refused and "ESCAPED" otherwise; "held" is the right answer to
every case, so such a program passes exactly if it was contained. The test fills in {port}, {secret} and {host_pid}.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.graders.code.problem import ProgramStatus


@dataclass(frozen=True, slots=True)
class Hostile:
    """A program, and the statuses that are right for it."""

    name: str
    source: str
    statuses: tuple[ProgramStatus, ...]


def probe(name: str, attempt: str) -> Hostile:
    """A program that tries something which must raise OSError (or leave `ok` False)."""
    body = "\n".join(f"    {line}" for line in attempt.strip().split("\n"))
    source = f"import ctypes, os, signal, socket\nlibc = ctypes.CDLL(None, use_errno=True)\nok = True\ntry:\n{body}\n"
    source += "except OSError:\n    ok = False\nprint('ESCAPED' if ok else 'held')\n"
    return Hostile(name, source, (ProgramStatus.PASSED,))


def bad(name: str, source: str, *statuses: ProgramStatus) -> Hostile:
    """A program that must fail in one of these ways."""
    return Hostile(name, source, statuses)


TIME, MEMORY, OUTPUT = ProgramStatus.TIME_LIMIT, ProgramStatus.MEMORY_LIMIT, ProgramStatus.OUTPUT_LIMIT
RUNTIME, WRONG, COMPILE = ProgramStatus.RUNTIME_ERROR, ProgramStatus.WRONG_ANSWER, ProgramStatus.COMPILE_ERROR

EXHAUSTING = [
    bad("fork_bomb", "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", TIME),
    bad(
        "fork_and_leave",
        "import os\nfor _ in range(10**9):\n    try:\n        if os.fork():\n            os._exit(0)\n"
        "    except OSError:\n        pass",
        TIME,
        WRONG,
    ),
    bad(
        "thread_bomb",
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
        RUNTIME,
        MEMORY,
    ),
    bad("memory_bomb", "kept = []\nwhile True:\n    kept.append(bytearray(b'x') * 10**7)", MEMORY),
    bad("memory_at_once", "kept = [0] * 10**12", MEMORY),
    bad(
        "memory_of_many",
        "import os, time\nfor _ in range(8):\n    if not os.fork():\n        kept = bytearray(b'x') * (80 * 2**20)\n"
        "        time.sleep(60)\ntime.sleep(60)",
        MEMORY,
    ),
    bad("memory_mapped", "import mmap\nm = mmap.mmap(-1, 2**29)\nwhile True:\n    m.write(b'x' * 2**20)", MEMORY),
    bad("endless_output", "while True:\n    print('x' * 10**6)", OUTPUT),
    bad("endless_errors", "import sys\nwhile True:\n    sys.stderr.write('x' * 10**6)", OUTPUT),
    bad(
        "output_that_catches",
        "while True:\n    try:\n        print('x' * 10**6)\n    except BaseException:\n        pass",
        OUTPUT,
        TIME,
    ),
    bad("yes", "import os\nos.execv('/usr/bin/yes', ['yes'])", OUTPUT),
    bad(
        "disk_filler",
        "n = 0\nwhile True:\n    n += 1\n    with open(f'/tmp/f{n}', 'wb') as f:\n        f.write(b'x' * 4 * 2**20)",
        RUNTIME,
    ),
    bad(
        "shared_memory_filler",
        "with open('/dev/shm/f', 'wb') as f:\n    while True:\n        f.write(b'x' * 2**20)",
        RUNTIME,
        OUTPUT,
    ),
    bad(
        "inode_filler",
        "import os\nn = 0\nwhile True:\n    n += 1\n    os.close(os.open(f'/tmp/{n}', os.O_CREAT))",
        OUTPUT,
        RUNTIME,
        TIME,
    ),
    bad("deep_folders", "import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')", OUTPUT, RUNTIME, TIME),
    bad("descriptor_bomb", "kept = []\nwhile True:\n    kept.append(open('/dev/null'))", RUNTIME),
    bad("pipe_bomb", "import os\nwhile True:\n    os.pipe()", RUNTIME),
    bad(
        "catches_everything",
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        TIME,
    ),
    bad(
        "ignores_signals",
        "import signal\nfor n in range(1, 65):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\nwhile True:\n    pass",
        TIME,
    ),
    bad("sleeps", "import time\ntime.sleep(10**6)", TIME),
    bad("stops_itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", TIME),
    bad("deadlock", "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()", TIME),
    bad("big_power", "print(len(str(9 ** 9 ** 8)))", TIME, MEMORY),
    bad("regex_bomb", "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')", TIME),
    bad("recursion", "def f():\n    return f()\nf()", RUNTIME, MEMORY),
    bad(
        "recursion_unlimited",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    return f()\nf()",
        MEMORY,
        RUNTIME,
        TIME,
    ),
    bad(
        "recursion_in_c",
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __getattr__(self, n):\n"
        "        return getattr(self, n + 'x')\nA().b",
        RUNTIME,
        MEMORY,
        TIME,
    ),
    bad("segfault", "import ctypes\nctypes.string_at(0)", RUNTIME),
    bad("aborts", "import os\nos.abort()", RUNTIME),
    bad("kills_itself", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", RUNTIME),
]

LYING = [
    bad("exit_early", "import sys\nsys.exit(0)", WRONG),
    bad("exit_at_once", "import os\nos._exit(0)", WRONG),
    bad("exit_code_of_compiler", "import os\nos._exit(3)", RUNTIME),
    bad("exit_code_of_set_up", "import os\nos._exit(70)", RUNTIME),
    bad("forged_verdict", 'print(\'{"verdict": "passed", "exit_code": 0}\')', WRONG),
    bad(
        "forged_on_every_descriptor",
        "import os\nfor fd in range(3, 300):\n    try:\n        os.write(fd, b'1' * 9)\n"
        "    except OSError:\n        pass",
        WRONG,
    ),
    bad("right_then_fails", "print('held')\nraise ValueError", RUNTIME),
    bad("huge_exception", "raise ValueError('x' * 10**7)", RUNTIME),
    bad(
        "exception_that_fights_back",
        "class E(BaseException):\n    def __str__(self):\n        raise E\n    __repr__ = __str__\nraise E",
        RUNTIME,
    ),
    bad("broken_utf8", "import os\nos.write(1, bytes(range(256)))", WRONG),
    bad("sparse_output", "import os\nos.ftruncate(1, 2**20 * 3)", WRONG),
    bad("closes_all", "import os\nos.closerange(0, 1000)", WRONG, RUNTIME),
    bad("null_bytes", "print('held\\0')", WRONG),
    bad("not_python", "#include <stdio.h>", WRONG),
    bad("syntax", "def f(:\n    pass", COMPILE),
    bad("nested_source", "(" * 20_000, COMPILE),
    bad("nested_operators", "x = " + "-" * 200_000 + "1", COMPILE),
    bad("null_in_source", "x = 1\0", COMPILE),
]

PROBING = [
    probe(
        "kill_supervisor",
        "os.kill(1, signal.SIGKILL)\nos.kill(1, signal.SIGINT)\nos.kill(1, signal.SIGSTOP)\nok = False",
    ),
    probe("kill_parent", "os.kill(os.getppid(), signal.SIGTERM)\nok = False"),
    probe("kill_all", "os.kill(-1, signal.SIGSTOP)\nok = False"),
    probe("kill_host", "os.kill({host_pid}, 0)"),
    probe("ptrace_supervisor", "ok = libc.ptrace(16, 1, 0, 0) == 0"),
    probe("ptrace_traceme", "ok = libc.ptrace(0, 0, 0, 0) == 0"),
    probe("memory_of_supervisor", "open('/proc/1/mem', 'rb').read(1)"),
    probe("maps_of_supervisor", "open('/proc/1/maps').read()"),
    probe("descriptors_of_supervisor", "os.listdir('/proc/1/fd')"),
    probe("environment_of_supervisor", "open('/proc/1/environ').read()"),
    probe("root_of_supervisor", "os.listdir('/proc/1/root/')"),
    probe("limits_of_supervisor", "import resource\nresource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))"),
    probe("priority_of_supervisor", "os.setpriority(os.PRIO_PROCESS, 1, 19)"),
    probe("affinity_of_supervisor", "os.sched_setaffinity(1, [0])"),
    probe(
        "own_limits_back_up",
        "import resource\ntry:\n    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
        "except ValueError:\n    ok = False",
    ),
    probe("environment", "ok = any('{secret}' in value for value in os.environ.values())"),
    probe("secret_file", "open('{secret_path}').read()"),
    probe("etc_passwd", "open('/etc/passwd').read()"),
    probe("etc_shadow", "open('/etc/shadow').read()"),
    probe("home_folders", "os.listdir('/home')"),
    probe("root_folder", "ok = bool([n for n in os.listdir('/root') if n not in ('.pyenv', '.local')])"),
    probe("sys_folder", "os.listdir('/sys')"),
    probe("var_folder", "os.listdir('/var')"),
    probe("run_folder", "os.listdir('/run')"),
    probe("disk_device", "open('/dev/sda')\nopen('/dev/vda')"),
    probe("kernel_memory", "open('/dev/mem')"),
    probe(
        "make_device",
        "import stat\nos.mknod('/tmp/disk', 0o666 | stat.S_IFBLK, os.makedev(254, 0))\nopen('/tmp/disk', 'rb').read(1)",
    ),
    probe("write_root", "open('/x', 'w')"),
    probe("write_usr", "open('/usr/x', 'w')"),
    probe("write_python", "open(os.path.join(os.path.dirname(os.__file__), 'x.py'), 'w')"),
    probe("write_dev", "open('/dev/x', 'w')"),
    probe("write_sysctl", "open('/proc/sys/kernel/core_pattern', 'w')"),
    probe("write_sysrq", "open('/proc/sysrq-trigger', 'w')"),
    probe("symlink_out", "os.symlink('/etc/passwd', '/tmp/link')\nopen('/tmp/link').read()"),
    probe("symlink_through_proc", "os.symlink('/proc/1/root/etc/passwd', '/tmp/link')\nopen('/tmp/link').read()"),
    probe("dot_dot", "open('../' * 40 + 'etc/passwd').read()"),
    probe("tcp_to_host", "socket.create_connection(('127.0.0.1', {port}), 2)"),
    probe("udp_out", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))"),
    probe("raw_socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    probe("netlink", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)"),
    probe("packet_socket", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)"),
    probe("abstract_socket", "socket.socket(socket.AF_UNIX).connect(b'\\0{secret}')"),
    probe("setuid", "os.setuid(0)"),
    probe("setgid", "os.setgid(0)"),
    probe("setgroups", "os.setgroups([0])"),
    probe("mount", "ok = libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0"),
    probe("unmount", "ok = libc.umount2(b'/tmp', 2) == 0"),
    probe("remount_root", "ok = libc.mount(None, b'/', None, 32 | 4096, None) == 0"),
    probe("chroot", "os.chroot('/tmp')"),
    probe("new_user_namespace", "ok = libc.unshare(0x10000000) == 0"),
    probe("new_mount_namespace", "ok = libc.unshare(0x00020000) == 0"),
    probe("clone_user_namespace", "ok = libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) >= 0"),
    probe("join_namespace", "ok = libc.setns(os.open('/proc/1/ns/user', 0), 0) == 0"),
    probe("bpf", "ok = libc.syscall(321, 0, 0, 0) >= 0"),
    probe("io_uring", "ok = libc.syscall(425, 8, 0) >= 0"),
    probe("userfaultfd", "ok = libc.syscall(323, 0) >= 0"),
    probe("keyring", "ok = libc.syscall(250, 0, -3, 1) >= 0"),
    probe("memfd", "ok = os.memfd_create('x') >= 0"),
    probe("shared_memory_segment", "ok = libc.shmget(0, 4096, 0o1600) >= 0"),
    probe("message_queue", "ok = libc.msgget(0, 0o1600) >= 0"),
    probe("set_clock", "import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)"),
    probe("set_hostname", "socket.sethostname('x')"),
    probe("reboot", "ok = libc.reboot(0) == 0"),
    probe("kernel_log", "ok = libc.klogctl(3, ctypes.create_string_buffer(99), 99) >= 0"),
    probe("terminal_injection", "import fcntl\nfcntl.ioctl(0, 0x5412, b'x')"),
    probe("set_user_id_file", "os.chmod('/usr/bin/su', 0o4755)"),
    probe(
        "capabilities", "ok = any(int(l.split()[1], 16) for l in open('/proc/self/status') if l.startswith('CapEff'))"
    ),
    probe("no_new_privileges", "ok = 'NoNewPrivs:\\t1' not in open('/proc/self/status').read()"),
    probe("is_root", "ok = os.getuid() == 0 or os.geteuid() == 0"),
]

LINGERING = bad(
    "leaves_processes_and_files",
    "import os, time\nopen('/tmp/left', 'w').write('x')\nos.mkdir('/tmp/folder')\n"
    "if not os.fork():\n    os.setsid()\n    if not os.fork():\n        time.sleep(10**6)\n"
    "    os._exit(0)\nprint('held')",
    ProgramStatus.PASSED,
)
LOOKS_ROUND = probe(
    "finds_what_another_left",
    "ok = bool(os.listdir('/tmp') or os.listdir('/dev/shm')) or "
    "len([n for n in os.listdir('/proc') if n.isdigit()]) > 2",
)
