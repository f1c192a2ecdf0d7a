# SPDX-License-Identifier: Apache-2.0
"""ledger_whole.py LEAVES EDGE: the leaves of a database (index|hash|bytes, in hex) make the tree whose edge it stores.
Prints how many leaves there are of each type."""
import collections, hashlib, sys

stack, types = [], collections.Counter()
for n, line in enumerate(open(sys.argv[1])):
    index, value, data = line.strip().split("|")
    assert int(index) == n, "indices have a gap"
    leaf = bytes.fromhex(data)
    assert leaf[:2] == b"\xa4\x00" and leaf[2] < 24, f"leaf {n} does not begin with its type"
    types[leaf[2]] += 1
    node = hashlib.sha256(b"\0" + leaf).digest()
    assert node.hex() == value, f"leaf {n} has another hash"
    while n & 1:
        node = hashlib.sha256(b"\1" + stack.pop() + node).digest()
        n >>= 1
    stack.append(node)
edge = open(sys.argv[2]).read()
assert all(node.hex() in edge for node in stack), "the stored edge is not that of the leaves"
for kind, count in sorted(types.items()):
    print(kind, count)
