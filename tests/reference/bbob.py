#!/usr/bin/env python3
"""Values of the BBOB functions by COCO's own package, for src/sartor/tuning/bbob_test.cc.

    pip install coco-experiment        # 2.8.2
    tests/reference/bbob.py            # prints the rows of the test's table

x_i = 9.6 / 23 ((7 i + 3 f) mod 23) - 4.8 and, outside the domain too, 14 / 23 ((17 i + 3 f) mod 23) - 7, i from 1.
"""
import cocoex

for instance, dimension in ((1, 5), (3, 2), (7, 10)):
    for f in range(1, 25):
        suite = cocoex.Suite("bbob", f"instances: {instance}", f"function_indices: {f} dimensions: {dimension}")
        problem = suite[0]
        inside = problem([9.6 / 23 * ((7 * i + 3 * f) % 23) - 4.8 for i in range(1, dimension + 1)])
        outside = problem([14 / 23 * ((17 * i + 3 * f) % 23) - 7 for i in range(1, dimension + 1)])
        print(f"    {{{f}, {dimension}, {instance}, {inside!r}, {outside!r}}},".replace("np.float64(", "").replace(")", ""))
