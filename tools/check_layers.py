#!/usr/bin/env python3
"""Holds the code to the one total order of modules (docs/architecture.md).

A file includes only its own module and those to its left; `serving` and `pipeline` never include
each other; foreign types stay in .cc files (and in test_*.h, which only tests include), each in the
modules that wrap them; no two headers define a type of one name; every .cc file of a module is listed
in its CMakeLists.txt, so that no test is silently left out.

    tools/check_layers.py               check this checkout
    tools/check_layers.py --self-test   check the checker
"""
import re
import sys
import tempfile
from pathlib import Path

ORDER = ["base", "stats", "store", "data", "features", "evaluation", "models", "segments",
         "tuning", "live", "serving", "pipeline", "http", "apps", "python"]
STRANGERS = {("serving", "pipeline"), ("pipeline", "serving")}

# Headers of other people's libraries that are heavy, or whose types must not spread:
# where they may stand, besides in .cc files only. None is any module.
FOREIGN = [
    (re.compile(r"duckdb\.h(pp)?$"), {"data"}),
    (re.compile(r"sqlite3\.h$|libpq-fe\.h$"), {"store"}),
    (re.compile(r"toml\+\+/|toml\.hpp$"), {"base"}),
    (re.compile(r"boost/(beast|asio)"), {"http"}),
    (re.compile(r"CLI/"), {"apps"}),
    (re.compile(r"torch/"), {"models"}),
    (re.compile(r"nlohmann/json\.hpp$"), None),
    (re.compile(r"cblas\.h$|lapacke?\.h$"), None),
    (re.compile(r"zlib\.h$|zstd\.h$|openssl/|xxhash\.h$"), None),
]
HEADERS_THAT_MAY = {("nlohmann/json.hpp", "src/sartor/base/fields_json.h")}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def module_of(path):
    parts = path.parts
    if parts[:2] == ("src", "sartor") and len(parts) > 3:
        return parts[2]
    return parts[0] if parts[0] in ("apps", "python") else None


def is_test(name):
    return name.startswith("test_") or name.rsplit(".", 1)[0].endswith("_test")


def check_layer(path, module, target):
    other = target.split("/")[1]
    if is_test(Path(target).name) and not is_test(path.name):
        return f"includes {target}, which is for tests"
    if other not in ORDER:
        return f"includes {target}: `{other}` is no module; the order is {' < '.join(ORDER)}"
    if (module, other) in STRANGERS:
        return f"includes {target}: `serving` and `pipeline` meet in the bundle only"
    if ORDER.index(other) > ORDER.index(module):
        return f"includes {target}: `{other}` is to the right of `{module}`"
    return None


def check_foreign(path, module, target):
    for pattern, modules in FOREIGN:
        if not pattern.search(target):
            continue
        may = (is_test(path.name) or path.suffix == ".cc" or
               (target, path.as_posix()) in HEADERS_THAT_MAY)
        if not may:
            return f"includes <{target}>, which belongs in .cc files"
        if modules is not None and module not in modules:
            return f"includes <{target}>, which is wrapped by {', '.join(sorted(modules))}"
    return None


def check_file(root, path):
    module = module_of(path)
    if module is not None and module not in ORDER:
        yield f"{path}: `{module}` is no module; the order is {' < '.join(ORDER)}"
        return
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found or module is None:
            continue
        target = found.group(1)
        check = check_layer if target.startswith("sartor/") else check_foreign
        problem = check(path, module, target)
        if problem:
            yield f"{path}:{number}: {problem}"


def check_listed(root, folder):
    listing = folder / "CMakeLists.txt"
    sources = sorted(folder.rglob("*.cc"))
    if sources and not listing.exists():
        yield f"{folder.relative_to(root)}: has sources but no CMakeLists.txt"
        return
    text = listing.read_text(encoding="utf-8") if sources else ""
    listed = set(re.findall(r"[\w/.-]+\.cc", re.sub(r"#.*", "", text)))
    for source in sources:
        if source.relative_to(folder).as_posix() not in listed:
            yield f"{source.relative_to(root)}: is not listed in {listing.relative_to(root)}"


TYPE = re.compile(r"^(?:struct|class|enum class|enum) (?:alignas\(\w+\) )?(\w+)[^;]*$")


def check_type_names(root):
    """Two types of one name are one type to the linker, which takes either's functions for both."""
    found = {}
    for path in sorted((root / "src").rglob("*.h")):
        inside = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if opened := re.match(r"namespace ([\w:]+) \{", line):
                inside.append(opened[1])
            elif line.startswith("}  // namespace") and inside:
                inside.pop()
            elif (match := TYPE.match(line)) and inside:
                name = "::".join([*inside, match[1]])
                first = found.setdefault(name, path)
                if first != path:
                    yield (f"{path.relative_to(root)}: {name} is a type of "
                           f"{first.relative_to(root)} already")


def check(root):
    problems = list(check_type_names(root))
    for top in ("src", "apps", "python"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".h", ".cc", ".hpp", ".cpp"):
                problems += check_file(root, path.relative_to(root))
    modules = root / "src" / "sartor"
    for folder in sorted(modules.iterdir()) if modules.exists() else []:
        if folder.is_dir():
            problems += check_listed(root, folder)
    return problems


def self_test():
    """Each tree holds one fault, or none; the checker says so."""
    listing = {"src/sartor/data/CMakeLists.txt": "sartor_module(data SOURCES a.cc)"}
    cases = [
        ({"src/sartor/data/a.h": '#include "sartor/base/result.h"'}, None),
        ({"src/sartor/data/a.cc": "#include <duckdb.h>", **listing}, None),
        ({"src/sartor/base/a.h": '#include "sartor/data/a.h"'}, "to the right of `base`"),
        ({"src/sartor/pipeline/a.h": '#include "sartor/serving/a.h"'}, "meet in the bundle"),
        ({"src/sartor/serving/a.h": '#include "sartor/pipeline/a.h"'}, "meet in the bundle"),
        ({"src/sartor/misc/a.h": ""}, "is no module"),
        ({"src/sartor/data/a.h": '#include "sartor/misc/a.h"'}, "is no module"),
        ({"src/sartor/data/a.h": "#include <duckdb.h>"}, "belongs in .cc files"),
        ({"src/sartor/http/a.h": "#  include <boost/beast/core.hpp>"}, "belongs in .cc files"),
        ({"src/sartor/stats/a.h": "#include <nlohmann/json.hpp>"}, "belongs in .cc files"),
        ({"src/sartor/base/fields_json.h": "#include <nlohmann/json.hpp>"}, None),
        ({"src/sartor/base/json.h": "#include <nlohmann/json_fwd.hpp>"}, None),
        ({"apps/main.cc": "#include <duckdb.h>"}, "is wrapped by data"),
        ({"src/sartor/data/b_test.cc": "", **listing}, "is not listed"),
        ({"apps/main.cc": '#include "sartor/http/a.h"'}, None),
        ({"src/sartor/data/test_files.h": "#include <zlib.h>"}, None),
        ({"src/sartor/data/a.h": '#include "sartor/data/test_files.h"'}, "is for tests"),
        ({"src/sartor/data/a.h": "namespace sartor {\nstruct A {\n};\n}  // namespace sartor",
          "src/sartor/http/b.h": "namespace sartor {\nclass A {\n};\n}  // namespace sartor"},
         "already"),
        ({"src/sartor/data/a.h": "namespace sartor {\nstruct A;\n}  // namespace sartor",
          "src/sartor/http/b.h": "namespace sartor::b {\nclass A {\n};\n}  // namespace sartor::b",
          "src/sartor/http/c.h": "namespace sartor {\nclass A {\n};\n}  // namespace sartor"}, None),
    ]
    for files, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text + "\n", encoding="utf-8")
            problems = check(Path(folder))
        good = not problems if expected is None else (
            len(problems) == 1 and expected in problems[0])
        if not good:
            sys.exit(f"check_layers self-test: {files}: expected {expected!r}, got {problems}")
    print(f"check_layers: {len(cases)} cases of the self-test pass")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    problems = check(Path(__file__).resolve().parent.parent)
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    print("check_layers: the order holds")


if __name__ == "__main__":
    main()
