"""What runs next to a program in the sandbox: sources as text, since nothing of this package is there.

BEGIN runs before the program, END after it. END reads targets and a word from standard input, runs the tests in order
and prints the word if all pass. `scicode.compare.cmp`, which tests import, is made here.
"""

from __future__ import annotations

BEGIN = """
import io, sys
# What a program prints is no part of the result.
sys.stdout = io.StringIO()
"""

END = """
def _run_tests():
    import base64, json, sys, types
    import numpy
    import scipy.sparse

    def unpack(packed):
        if "text" in packed:
            return packed["text"]
        if "texts" in packed:
            raw = [base64.b64decode(each) for each in packed["texts"]]
            return numpy.array(raw, dtype=object).reshape(packed["shape"])
        if "data" in packed:
            raw = numpy.frombuffer(base64.b64decode(packed["data"]), dtype=packed["dtype"])
            return raw.reshape(packed["shape"]).copy()[()]
        if "tuple" in packed:
            return tuple(map(unpack, packed["tuple"]))
        if "list" in packed:
            return list(map(unpack, packed["list"]))
        if "dict" in packed:
            return {key(name, value): unpack(value) for name, value in packed["dict"]}
        return matrix({name: unpack(value) for name, value in packed["sparse"].items()})

    def key(name, value):
        if "text" in value or "sparse" in value:
            return name
        try:
            return float(name)
        except ValueError:
            return name

    def matrix(parts):
        shape = tuple(parts["shape"])
        if "row" in parts:
            return scipy.sparse.coo_matrix((parts["data"], (parts["row"], parts["col"])), shape=shape)
        content = (parts["data"], parts["indices"], parts["indptr"])
        if "blocksize" in parts:
            return scipy.sparse.bsr_matrix(content, shape=shape, blocksize=tuple(parts["blocksize"]))
        return scipy.sparse.csr_matrix(content, shape=shape)

    def same(one, other, **tolerance):
        if isinstance(one, str) or type(one).__name__ == "Symbol":
            return bool(one == other)
        if scipy.sparse.issparse(one):
            one, other = one.toarray(), other.toarray()
        try:
            return bool(numpy.allclose(one, other, **tolerance))
        except ValueError:
            return bool(one == other)

    def plain(given):
        named = lambda value: str(value) if type(value).__name__ == "Symbol" else value
        return {named(name): named(value) for name, value in given.items()}

    def are_dicts_close(dict1, dict2, atol=1e-8, rtol=1e-5):
        one, other = plain(dict1), plain(dict2)
        return one.keys() == other.keys() and all(same(one[name], other[name], atol=atol, rtol=rtol) for name in one)

    def are_csc_matrix_close(matrix1, matrix2):
        return same(matrix1, matrix2)

    def cmp_tuple_or_list(var1, var2):
        if len(var1) != len(var2):
            return False
        for one, other in zip(var1, var2):
            if isinstance(one, dict):
                is_same = are_dicts_close(one, other)
            else:
                is_same = one == other if isinstance(one, bool) else same(one, other)
            if not is_same:
                return False
        return True

    module = types.ModuleType("scicode.compare.cmp")
    module.are_dicts_close = are_dicts_close
    module.are_csc_matrix_close = are_csc_matrix_close
    module.cmp_tuple_or_list = cmp_tuple_or_list
    sys.modules.update({"scicode": types.ModuleType("scicode"), "scicode.compare": types.ModuleType("scicode.compare")})
    sys.modules["scicode.compare.cmp"] = module

    given = json.loads(sys.stdin.read())
    for test, target in zip(given["tests"], given["targets"]):
        globals()["target"] = unpack(target)
        exec(compile(test, "test.py", "exec"), globals())
    sys.__stdout__.write(given["word"])


_run_tests()
"""
