r"""Programs of our own for the tests of the program grader, as data: right ones in many styles, and cheats.

STDIN: each adds the numbers of its input, "2\\n3 4\\n5\\n" style: first how many lines follow, then lines of integers;
it prints their sum. FUNCTION: each gives Solution.pairs(nums), all pairs (number, its square) as lists.
"""

# Programs are read more easily in long lines than in halves.
# ruff: noqa: E501
from __future__ import annotations

STDIN: dict[str, str] = {
    "input": "n = int(input())\nprint(sum(sum(map(int, input().split())) for _ in range(n)))",
    "read": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])))",
    "readline": "import sys\ninput = sys.stdin.readline\nn = int(input())\nprint(sum(sum(map(int, input().split())) for _ in range(n)))",
    "readlines": "import sys\nlines = sys.stdin.readlines()\nprint(sum(int(w) for line in lines[1:] for w in line.split()))",
    "iterate_stdin": "import sys\nnext(sys.stdin)\nprint(sum(int(w) for line in sys.stdin for w in line.split()))",
    "stdin_buffer_read": "import sys\ndata = sys.stdin.buffer.read().split()\nprint(sum(map(int, data[1:])))",
    "stdin_buffer_readline": (
        "import sys\nread = sys.stdin.buffer.readline\nn = int(read())\n"
        "print(sum(sum(map(int, read().split())) for _ in range(n)))"
    ),
    "stdin_buffer_iterate": (
        "import sys\nlines = iter(sys.stdin.buffer)\nnext(lines)\nprint(sum(int(w) for line in lines for w in line.split()))"
    ),
    "open_0": "lines = open(0).read().split('\\n')\nprint(sum(int(w) for line in lines[1:] for w in line.split()))",
    "open_0_iterate": "f = open(0)\nnext(f)\nprint(sum(int(w) for line in f for w in line.split()))",
    "open_dev_stdin": "f = open('/dev/stdin')\nf.readline()\nprint(sum(map(int, f.read().split())))",
    "open_proc_fd": "f = open('/proc/self/fd/0')\nf.readline()\nprint(sum(map(int, f.read().split())))",
    "os_read": (
        "import os\ndata = b''\nwhile part := os.read(0, 7):\n    data += part\nprint(sum(map(int, data.split()[1:])))"
    ),
    "os_read_fstat": (
        "import io, os\ndata = io.BytesIO(os.read(0, os.fstat(0).st_size))\ndata.readline()\n"
        "print(sum(map(int, data.read().split())))"
    ),
    "input_then_read": "import sys\nn = int(input())\nprint(sum(map(int, sys.stdin.read().split())))",
    "input_then_iterate": "import sys\nn = int(input())\nprint(sum(int(w) for line in sys.stdin for w in line.split()))",
    "input_until_eof": (
        "input()\ntotal = 0\ntry:\n    while True:\n        total += sum(map(int, input().split()))\n"
        "except EOFError:\n    pass\nprint(total)"
    ),
    "fileinput": "import fileinput\nlines = list(fileinput.input())\nprint(sum(int(w) for line in lines[1:] for w in line.split()))",
    "global_variable": (
        "total = 0\ndef add(x):\n    global total\n    total += x\nn = int(input())\nfor _ in range(n):\n"
        "    for w in input().split():\n        add(int(w))\nprint(total)"
    ),
    "main_guard": (
        "def main():\n    n = int(input())\n    print(sum(sum(map(int, input().split())) for _ in range(n)))\n"
        "if __name__ == '__main__':\n    main()"
    ),
    "future_import": (
        "from __future__ import annotations\nimport sys\ndef total(words: list[int]) -> int:\n    return sum(words)\n"
        "print(total([int(w) for w in sys.stdin.read().split()[1:]]))"
    ),
    "thread_with_deep_recursion": (
        "import sys, threading\nsys.setrecursionlimit(1 << 25)\nthreading.stack_size(1 << 27)\n"
        "def deep(n):\n    return 0 if n == 0 else 1 + deep(n - 1)\ndef main():\n"
        "    n = int(input())\n    assert deep(40000) == 40000\n"
        "    print(sum(sum(map(int, input().split())) for _ in range(n)))\n"
        "t = threading.Thread(target=main)\nt.start()\nt.join()"
    ),
    "thread_not_joined": (
        "import threading\ndef main():\n    n = int(input())\n"
        "    print(sum(sum(map(int, input().split())) for _ in range(n)))\nthreading.Thread(target=main).start()"
    ),
    "memoised_recursion": (
        "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10**6)\n@lru_cache(None)\ndef deep(n):\n"
        "    return 0 if n == 0 else 1 + deep(n - 1)\nassert deep(15000) == 15000\nn = int(input())\n"
        "print(sum(sum(map(int, input().split())) for _ in range(n)))"
    ),
    "memoised_recursion_in_a_thread": (
        "import sys, threading\nfrom functools import cache\nsys.setrecursionlimit(1 << 20)\nthreading.stack_size(1 << 27)\n"
        "@cache\ndef deep(n):\n    return 0 if n == 0 else 1 + deep(n - 1)\ndef main():\n    assert deep(15000) == 15000\n"
        "    n = int(input())\n    print(sum(sum(map(int, input().split())) for _ in range(n)))\n"
        "t = threading.Thread(target=main)\nt.start()\nt.join()"
    ),
    "recursion_through_builtins": (
        "import sys\nsys.setrecursionlimit(10**6)\ndef deep(n):\n"
        "    return 0 if n == 0 else 1 + sum(deep(k) for k in (n - 1,))\nassert deep(5000) == 5000\nn = int(input())\n"
        "print(sum(sum(map(int, input().split())) for _ in range(n)))"
    ),
    "stdout_write": "import sys\nwords = sys.stdin.read().split()\nsys.stdout.write(str(sum(map(int, words[1:]))))",
    "stdout_buffer_write": "import sys\nwords = sys.stdin.read().split()\nsys.stdout.buffer.write(b'%d\\n' % sum(map(int, words[1:])))",
    "os_write": "import os, sys\nwords = sys.stdin.read().split()\nos.write(1, str(sum(map(int, words[1:]))).encode())",
    "no_newline_at_end": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])), end='')",
    "spaces_at_end": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])), ' ')\nprint()",
    "carriage_returns": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])), end='\\r\\n')",
    "as_decimal": "import sys\nwords = sys.stdin.read().split()\nprint(float(sum(map(int, words[1:]))))",
    "print_to_file": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])), file=sys.stdout, flush=True)",
    "replaced_stdout": (
        "import atexit, io, sys\nwords = sys.stdin.read().split()\nbuffer = io.StringIO()\nsys.stdout = buffer\n"
        "atexit.register(lambda: sys.__stdout__.write(buffer.getvalue()))\nprint(sum(map(int, words[1:])))"
    ),
    "fast_io_class": (
        "import os, sys\nfrom io import BytesIO, IOBase\nclass FastIO(IOBase):\n    newlines = 0\n"
        "    def __init__(self, file):\n        self._fd = file.fileno()\n        self.buffer = BytesIO()\n"
        "        self.writable = 'x' in file.mode or 'w' in file.mode\n"
        "        self.write = self.buffer.write if self.writable else None\n"
        "    def read(self):\n        return os.read(self._fd, max(os.fstat(self._fd).st_size, 8192))\n"
        "    def flush(self):\n        if self.writable:\n            os.write(self._fd, self.buffer.getvalue())\n"
        "            self.buffer.truncate(0)\n            self.buffer.seek(0)\n"
        "class IOWrapper(IOBase):\n    def __init__(self, file):\n        self.buffer = FastIO(file)\n"
        "        self.flush = self.buffer.flush\n        self.writable = self.buffer.writable\n"
        "        self.write = lambda s: self.buffer.write(s.encode('ascii'))\n"
        "words = FastIO(sys.stdin).read().split()\nsys.stdout = IOWrapper(sys.stdout)\nprint(sum(map(int, words[1:])))"
    ),
    "generator": (
        "def numbers():\n    n = int(input())\n    for _ in range(n):\n        yield from map(int, input().split())\n"
        "print(sum(numbers()))"
    ),
    "exit_call": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])))\nexit()",
    "sys_exit_none": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])))\nsys.exit()",
    "os_exit_after_flush": (
        "import os, sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])))\nsys.stdout.flush()\nos._exit(0)"
    ),
    "dataclass_of_main": (
        "import sys\nfrom dataclasses import dataclass, field\n@dataclass\nclass Box:\n    items: 'list[int]' = field(default_factory=list)\n"
        "box = Box([int(w) for w in sys.stdin.read().split()[1:]])\nassert sys.modules['__main__'].Box is Box\nprint(sum(box.items))"
    ),
    "prints_debug_to_stderr": (
        "import sys\nwords = sys.stdin.read().split()\nprint('debug', words, file=sys.stderr)\nprint(sum(map(int, words[1:])))"
    ),
    "forgotten_imports": "words = sys.stdin.read().split()\ncount = defaultdict(int)\nfor w in words[1:]:\n    count[0] += int(w)\nprint(count[0])",
    "pow_with_modulus": "import sys\nwords = sys.stdin.read().split()\nassert pow(2, 5, 7) == 4\nprint(sum(map(int, words[1:])))",
    "numpy": "import sys\nimport numpy as np\nwords = sys.stdin.read().split()\nprint(int(np.array(words[1:], dtype=np.int64).sum()))",
    "exec_of_text": 'exec("n = int(input())\\nprint(sum(sum(map(int, input().split())) for _ in range(n)))")',
    "match_statement": (
        "total = 0\nn = int(input())\nfor _ in range(n):\n    match [int(w) for w in input().split()]:\n        case []:\n"
        "            pass\n        case [*many]:\n            total += sum(many)\nprint(total)"
    ),
    "asyncio": (
        "import asyncio\nasync def main():\n    n = int(input())\n    print(sum(sum(map(int, input().split())) for _ in range(n)))\n"
        "asyncio.run(main())"
    ),
    "subinterpreter_process": (
        "import multiprocessing as mp, sys\ndef add(words):\n    return sum(map(int, words))\nif __name__ == '__main__':\n"
        "    words = sys.stdin.read().split()[1:]\n    with mp.get_context('fork').Pool(2) as pool:\n"
        "        print(sum(pool.map(add, [words[:1], words[1:]])))"
    ),
}

FUNCTION: dict[str, str] = {
    "list_of_lists": "class Solution:\n    def pairs(self, nums):\n        return [[n, n * n] for n in nums]",
    "annotated_without_import": (
        "class Solution:\n    def pairs(self, nums: List[int]) -> List[List[int]]:\n        return [[n, n * n] for n in nums]"
    ),
    "list_of_tuples": "class Solution:\n    def pairs(self, nums):\n        return [(n, n * n) for n in nums]",
    "tuple_of_tuples": "class Solution:\n    def pairs(self, nums):\n        return tuple((n, n * n) for n in nums)",
    "memo_of_class": (
        "class Solution:\n    seen = []\n    def pairs(self, nums):\n        for n in nums:\n            self.seen.append([n, n * n])\n"
        "        return self.seen"
    ),
    "memo_of_module": (
        "seen = []\nclass Solution:\n    def pairs(self, nums):\n        for n in nums:\n            seen.append([n, n * n])\n"
        "        return seen"
    ),
    "mutable_default": (
        "class Solution:\n    def pairs(self, nums, out=[]):\n        for n in nums:\n            out.append([n, n * n])\n        return out"
    ),
    "global_statement": (
        "out = None\nclass Solution:\n    def pairs(self, nums):\n        global out\n        out = [[n, n * n] for n in nums]\n        return out"
    ),
    "static_method": "class Solution:\n    @staticmethod\n    def pairs(nums):\n        return [[n, n * n] for n in nums]",
    "class_method": "class Solution:\n    @classmethod\n    def pairs(cls, nums):\n        return [[n, n * n] for n in nums]",
    "constructor": (
        "class Solution:\n    def __init__(self):\n        self.out = []\n    def pairs(self, nums):\n"
        "        self.out += [[n, n * n] for n in nums]\n        return self.out"
    ),
    "subclass_of_int": (
        "class N(int):\n    pass\nclass Solution:\n    def pairs(self, nums):\n        return [[N(n), N(n * n)] for n in nums]"
    ),
    "subclass_of_list": (
        "class L(list):\n    pass\nclass Solution:\n    def pairs(self, nums):\n        return L(L([n, n * n]) for n in nums)"
    ),
    "floats_that_are_whole": "class Solution:\n    def pairs(self, nums):\n        return [[float(n), float(n * n)] for n in nums]",
    "numpy_integers": (
        "import numpy as np\nclass Solution:\n    def pairs(self, nums):\n        a = np.array(nums, dtype=np.int64)\n"
        "        return [[x, y] for x, y in zip(a, a * a)]"
    ),
    "prints_along": "class Solution:\n    def pairs(self, nums):\n        print('working on', nums)\n        return [[n, n * n] for n in nums]",
    "future_import": (
        "from __future__ import annotations\nclass Solution:\n    def pairs(self, nums: list[int]):\n        return [[n, n * n] for n in nums]"
    ),
    "main_guard_with_test": (
        "class Solution:\n    def pairs(self, nums):\n        return [[n, n * n] for n in nums]\n"
        "if __name__ == '__main__':\n    print(Solution().pairs([1, 2]))"
    ),
    "helper_class": (
        "class Squarer:\n    def square(self, n):\n        return n * n\nclass Solution:\n    def pairs(self, nums):\n"
        "        return [[n, Squarer().square(n)] for n in nums]"
    ),
    "cached_recursion": (
        "from functools import cache\nclass Solution:\n    @cache\n    def deep(self, n):\n        return 0 if n == 0 else 1 + self.deep(n - 1)\n"
        "    def pairs(self, nums):\n        assert self.deep(9000) == 9000\n        return [[n, n * n] for n in nums]"
    ),
    "sorts_its_input": (
        "class Solution:\n    def pairs(self, nums):\n        first = list(nums)\n        nums.sort()\n        return [[n, n * n] for n in first]"
    ),
    "wildcard_imports": (
        "from math import *\nfrom itertools import *\nfrom io import *\nclass Solution:\n    def pairs(self, nums):\n"
        "        return [[n, int(pow(n, 2))] for n in nums]"
    ),
    "lambda_method": "class Solution:\n    pairs = lambda self, nums: [[n, n * n] for n in nums]",
    "inherited": (
        "class Base:\n    def pairs(self, nums):\n        return [[n, n * n] for n in nums]\nclass Solution(Base):\n    pass"
    ),
    "deque_as_list": (
        "from collections import deque\nclass Solution:\n    def pairs(self, nums):\n        q = deque([n, n * n] for n in nums)\n        return list(q)"
    ),
    "reads_no_input": "import sys\nleft = sys.stdin.read()\nclass Solution:\n    def pairs(self, nums):\n        return [[n, n * n] for n in nums]",
}

# They look for what is expected, or make every comparison true. None of them knows the answer.
CHEATS_FUNCTION: dict[str, str] = {
    "equal_to_everything": (
        "class E(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = int.__hash__\n"
        "class Solution:\n    def pairs(self, nums):\n        return E(1)"
    ),
    "list_equal_to_everything": (
        "class E(list):\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n"
        "class Solution:\n    def pairs(self, nums):\n        return E()"
    ),
    "object_equal_to_everything": (
        "class E:\n    def __eq__(self, other):\n        return True\nclass Solution:\n    def pairs(self, nums):\n        return E()"
    ),
    "caller_frames": (
        "import sys\nclass Solution:\n    def pairs(self, nums):\n        f = sys._getframe()\n        while f:\n"
        "            for v in list(f.f_locals.values()) + list(f.f_globals.values()):\n"
        "                if isinstance(v, list) and v and isinstance(v[0], list) and v != nums:\n                    return v\n"
        "            f = f.f_back\n        return []"
    ),
    "garbage_collector": (
        "import gc, json\nclass Solution:\n    def pairs(self, nums):\n        for v in gc.get_objects():\n"
        "            if isinstance(v, list) and len(v) == len(nums) and v and isinstance(v[0], list) and v[0][:1] == nums[:1]:\n"
        "                return v\n        return []"
    ),
    "replaces_json": (
        "import json\njson.dumps = lambda *a, **k: 'true'\njson.loads = lambda *a, **k: True\n"
        "class Solution:\n    def pairs(self, nums):\n        return True"
    ),
    "exits_in_call": "import os\nclass Solution:\n    def pairs(self, nums):\n        os._exit(0)",
    "exits_politely": "class Solution:\n    def pairs(self, nums):\n        raise SystemExit(0)",
    "exits_on_import": "import os\nos._exit(0)",
    "verdict_on_every_descriptor": (
        "import os\nfor fd in range(300):\n    try:\n        os.write(fd, b'true')\n    except OSError:\n        pass\n"
        "class Solution:\n    def pairs(self, nums):\n        os._exit(0)"
    ),
    "true": "class Solution:\n    def pairs(self, nums):\n        return True",
    "none": "class Solution:\n    def pairs(self, nums):\n        pass",
    "not_a_number": "class Solution:\n    def pairs(self, nums):\n        return float('nan')",
    "circular": "class Solution:\n    def pairs(self, nums):\n        a = []\n        a.append(a)\n        return a",
    "endless_generator": "import itertools\nclass Solution:\n    def pairs(self, nums):\n        return itertools.count()",
    "no_function": "def pair(nums):\n    return [[n, n * n] for n in nums]",
    "no_method": "class Solution:\n    pass",
}
CHEATS_STDIN: dict[str, str] = {
    "nothing": "",
    "copies_input": "print(open(0).read())",
    "many_answers": "for n in range(1000):\n    print(n)",
    "caller_frames": (
        "import sys\nf = sys._getframe()\nwhile f:\n    for v in list(f.f_locals.values()):\n        print(repr(v)[:500])\n    f = f.f_back"
    ),
    "all_descriptors": (
        "import os\nfor fd in range(3, 300):\n    try:\n        os.lseek(fd, 0, 0)\n        print(os.read(fd, 9999).decode())\n    except OSError:\n        pass"
    ),
    "all_files": (
        "import os\nfor place in ('/tmp', '/dev/shm', '/proc/1/cwd', '/proc/1/fd'):\n    try:\n        for n in os.listdir(place):\n"
        "            print(open(os.path.join(place, n)).read())\n    except OSError:\n        pass"
    ),
    "right_number_wrong_exit": "import sys\nwords = sys.stdin.read().split()\nprint(sum(map(int, words[1:])))\nsys.exit(1)",
    "extra_line": "import sys\nwords = sys.stdin.read().split()\nprint('Answer:')\nprint(sum(map(int, words[1:])))",
    "infinity": "print('Infinity')",
    "not_a_number": "print('NaN')",
}
