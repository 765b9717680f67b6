"""Reads Rust sources well enough to measure them: what is code, what is documentation, what is test."""

import os
import re
import subprocess

CRATES = {"core": "drift-core/src", "sources": "drift-sources/src", "sinks": "drift-sinks/src", "binary": "examples/src/bin/drift"}

TOKEN = re.compile(
    r"""(?P<doc>//[/!][^\n]*|/\*[*!].*?\*/)
    |(?P<plain>//[^\n]*|/\*.*?\*/)
    |(?P<string>b?r(?P<hashes>\#*)".*?"(?P=hashes)|[bc]?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])')""",
    re.S | re.X,
)
# A string's text is replaced by this, so that it counts as code and matches no pattern.
FILLER = "¤"


class Source:
    """One file without its tests: `code` has comments and the text of strings blanked, line by line as in the file."""

    def __init__(self, path, text):
        self.path, self.docs, self.comments, self.strings = path, [], [], []
        self.code = self._without_tests(TOKEN.sub(lambda m: self._blank(text, m), text))
        tests = {n for a, b in self.tests for n in range(text.count("\n", 0, a) + 1, text.count("\n", 0, b) + 2)}
        self.docs = [(n, t) for n, t in self.docs if n not in tests]
        self.comments = [(n, t) for n, t in self.comments if n not in tests]
        self.strings = [(n, t) for n, t in self.strings if n not in tests]
        fences = [t for _, t in self.docs if re.match(r"//[/!]\s*```", t)]
        self.examples = sum(1 for t in fences[::2] if not re.search(r"```(text|json|yaml|sh|console|ignore|toml|mermaid)", t))

    def _blank(self, text, m):
        first = text.count("\n", 0, m.start()) + 1
        if m.group("string"):
            self.strings.extend((first + i, t) for i, t in enumerate(m.group(0).split("\n")))
            return re.sub(r"[^\n]", FILLER, m.group(0))
        lines = [(first + i, t.strip()) for i, t in enumerate(m.group(0).split("\n"))]
        # Rust reads four slashes and more as a plain comment.
        (self.docs if m.group("doc") and not m.group(0).startswith("////") else self.comments).extend(lines)
        return re.sub(r"[^\n]", " ", m.group(0))

    def _without_tests(self, code):
        self.tests, self.test_modules = [], []
        for m in re.finditer(r"#\[cfg\(test\)\]", code):
            if any(a <= m.start() < b for a, b in self.tests):
                continue
            item = re.compile(r"(\s*#\[[^\]]*\])*\s*(?:pub(?:\([^)]*\))?\s+)?(?:mod\s+(\w+))?").match(code, m.end())
            end = end_of_item(code, item.end())
            if item.group(2) and code[end - 1] == ";":
                self.test_modules.append(item.group(2))
            self.tests.append((m.start(), end))
        for a, b in self.tests:
            code = code[:a] + re.sub(r"[^\n]", " ", code[a:b]) + code[b:]
        return code

    def lines_of_code(self):
        return sum(1 for line in self.code.split("\n") if line.strip())


def end_of_item(code, at):
    """Returns where the item that goes on at `at` ends: behind its `;` or its closing brace."""
    depth = 0
    while at < len(code):
        c = code[at]
        at += 1
        if c in "({[":
            depth += 1
        elif c in ")}]":
            depth -= 1
            if depth == 0 and c == "}":
                break
        elif c == ";" and depth == 0:
            break
    return at


def root():
    """Returns the root of the checkout that the working folder is in."""
    return subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=True).stdout.strip()


def read(folder):
    """Reads the Rust files under a folder but those that are compiled for tests only; sorted by path."""
    found = {}
    for here, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".rs"):
                path = os.path.join(here, name)
                with open(path, encoding="utf-8") as f:
                    found[path] = Source(path, f.read())
    tests = set()
    for path, source in found.items():
        base = os.path.dirname(path) if os.path.basename(path) in ("lib.rs", "main.rs") else path[:-3]
        for name in source.test_modules:
            tests |= {p for p in found if p == f"{base}/{name}.rs" or p.startswith(f"{base}/{name}/")}
    return [source for path, source in sorted(found.items()) if path not in tests]


def module_of(path, folder):
    """Returns the module a file is, from the root of its crate: `cause/proof.rs` is `("cause", "proof")`."""
    parts = os.path.relpath(path, folder)[:-3].split("/")
    return tuple(p for p in parts if p not in ("lib", "main"))


PATH = re.compile(r"(?<![\w:])(?:crate|super|self)(?:\s*::\s*\w+)*(?:\s*::\s*(?=[{*]))?")


def paths_in(code):
    """Yields every path that begins with `crate`, `super` or `self`, groups of `use` unfolded, with its offset."""
    for m in PATH.finditer(code):
        head = [p for p in re.split(r"\s*::\s*", m.group(0)) if p]
        if head == ["self"] and not m.group(0).endswith("::") and "::" not in m.group(0):
            continue
        if code[m.end() : m.end() + 1] == "{" and m.group(0).rstrip().endswith("::"):
            for tail in _group(code, m.end())[0]:
                yield m.start(), tuple(head + tail)
        else:
            yield m.start(), tuple(head)


def _group(code, at):
    """Unfolds `{a, b::{c, d}}` that begins at `at`; returns its paths and the place behind it."""
    paths, head = [], []
    at += 1
    while at < len(code):
        m = re.compile(r"\s*(\w+|::|\{|\}|,|\*)").match(code, at)
        if not m:
            return paths, at + 1
        token, at = m.group(1), m.end()
        if token == "{":
            inner, at = _group(code, at - 1)
            paths += [head + p for p in inner]
            head = None
        elif token in (",", "}"):
            if head:
                paths.append(head)
            head = []
            if token == "}":
                return paths, at
        elif token == "as":
            at = re.compile(r"\s*\w+").match(code, at).end()
        elif token != "::" and head is not None:
            head.append(token)
    return paths, at


def exports(source):
    """Returns what the `pub use` lines of a file name, each with the path it stands for."""
    named = {}
    for m in re.finditer(r"pub(?:\([^)]*\))?\s+use\s+([^;]+);", source.code):
        body = m.group(1)
        head = re.match(r"((?:\w+\s*::\s*)*)", body).group(1)
        prefix = [p for p in re.split(r"\s*::\s*", head) if p and p not in ("crate", "self")]
        rest = body[len(head) :].strip()
        tails = _group(rest, 0)[0] if rest.startswith("{") else [[w for w in re.findall(r"\w+", rest.split(" as ")[0])]]
        for tail in tails:
            named[tail[-1] if tail else prefix[-1]] = tuple(prefix + tail)
        for original, alias in re.findall(r"(\w+)\s+as\s+(\w+)", body):
            named[alias] = next((p for p in (tuple(prefix + t) for t in tails) if p[-1] == original), tuple(prefix))
    return named


def references(sources, folder):
    """Yields `(source, offset, from module, to module)` for each path from one module of a crate to another."""
    modules = {module_of(s.path, folder) for s in sources}
    named = {module_of(s.path, folder): exports(s) for s in sources}
    for source in sources:
        here = module_of(source.path, folder)
        for offset, path in paths_in(source.code):
            # Modules written within a file are part of it: `super` in one of them is the file.
            nested = _nested(source.code, offset)
            at, rest = (here + nested, list(path)) if path[0] != "crate" else ((), list(path[1:]))
            while rest and rest[0] in ("super", "self"):
                at = at[:-1] if rest.pop(0) == "super" else at
            target = _resolve(at, rest, modules, named)
            if target is not None and target != here:
                yield source, offset, here, target


def _nested(code, offset):
    inside = []
    for m in re.finditer(r"\bmod\s+(\w+)\s*\{", code[:offset]):
        if end_of_item(code, m.end() - 1) > offset:
            inside.append(m.group(1))
    return tuple(inside)


def _resolve(at, rest, modules, named, depth=0):
    """Returns the module in which the item of a path is defined."""
    while rest and at + (rest[0],) in modules:
        at, rest = at + (rest[0],), rest[1:]
    if at not in modules:
        return None
    if rest and depth < 8 and rest[0] in named.get(at, {}):
        path = list(named[at][rest[0]])
        while path and path[0] in ("super", "self"):
            at = at[:-1] if path.pop(0) == "super" else at
        start = at if path and at + (path[0],) in modules else ()
        if path and start + (path[0],) in modules:
            return _resolve(start, path, modules, named, depth + 1)
    return at
