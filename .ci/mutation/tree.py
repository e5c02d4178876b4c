"""A copy of the committed tree with all mutants in it, each behind a switch, and the tests built over it."""

import collections
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile

import switches

HERE = pathlib.Path(__file__).parent
# The modules that decide, keep and prove.
SCOPE = [f"src/{name}{rest}" for name in ("rules", "engine", "credential", "model", "store") for rest in (".rs", "/**")]
TESTS = "test --no-run --lib --test it --test allocations"


def mutants(repository, globs):
    """What cargo-mutants would try, each with a number."""
    files = [flag for glob in globs or SCOPE for flag in ("-f", glob)]
    listed = subprocess.run(
        ["cargo", "mutants", "--list", "--json", *files], cwd=repository, check=True, capture_output=True
    )
    found = json.loads(listed.stdout)
    for number, mutant in enumerate(found, 1):
        mutant["id"] = number
    return found


class Tree:
    def __init__(self, repository, work, globs):
        self.repository, self.root = repository, work / "tree"
        if git(repository, "status", "--porcelain", "--", "src"):
            raise SystemExit("only what is committed is tried")
        self.revision = git(repository, "rev-parse", "--short", "HEAD").decode().strip()
        self.mutants = mutants(repository, globs)
        # Mutants that are not in the tree, and why.
        self.left_out = {}
        self.needed = set()
        self.texts = self.copy()
        self.constants = self.constants_to_switch()

    def copy(self):
        """Gives the sources, and keeps of the rest what is as it was, so that cargo builds nothing again."""
        with tarfile.open(fileobj=io.BytesIO(git(self.repository, "archive", "HEAD"))) as archive:
            files = {it.name: archive.extractfile(it).read() for it in archive if it.isfile()}
        for path in self.root.rglob("*"):
            if path.is_file() and str(path.relative_to(self.root)) not in files:
                path.unlink()
        # Whatever is above it is nothing to it.
        files["Cargo.toml"] += b"\n[workspace]\n"
        sources = {name for name in files if re.fullmatch(r"src/.*\.rs", name)}
        for name in files.keys() - sources:
            put(self.root / name, files[name])
        self.tests = " ".join(files[name].decode() for name in files.keys() - sources if name.endswith(".rs"))
        return {name: files[name].decode() for name in sorted(sources)}

    def constants_to_switch(self):
        """Names of constants with mutants, if nothing else is named so and no test has them."""
        names, wanted = collections.Counter(), set()
        for file, text in self.texts.items():
            for name, lines in switches.constants(text):
                names[name] += 1
                if any(it["file"] == file and it["span"]["start"]["line"] in lines for it in self.mutants):
                    wanted.add(name)
        return {name for name in wanted if names[name] == 1 and not re.search(rf"\b{name}\b", self.tests)}

    def write(self):
        of_file = collections.defaultdict(list)
        for mutant in self.mutants:
            if mutant["id"] not in self.left_out:
                of_file[mutant["file"]].append(mutant)
        texts, left_out = {}, {}
        for file, text in self.texts.items():
            source = switches.Source(text, of_file[file], self.constants, self.needed)
            texts[file] = source.render()
            left_out |= source.left_out
        texts["src/lib.rs"] = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]\n" + texts[
            "src/lib.rs"
        ].replace("pub mod model;", "mod mutant;\npub mod model;", 1)
        texts["src/mutant.rs"] = (HERE / "mutant.rs").read_text()
        for file, text in texts.items():
            put(self.root / file, text.encode())
        return left_out

    def cargo(self, command):
        return subprocess.run(
            f"cargo {command} --message-format json",
            shell=True,
            cwd=self.root,
            # Apart, because cargo takes the crate of this tree for that of the repository.
            env=dict(os.environ, CARGO_TARGET_DIR=str(self.root.with_name("build"))),
            capture_output=True,
            text=True,
        )

    def build(self):
        """Leaves mutants out until the rest compiles, and gives the programs with the tests."""
        self.compile("check --lib --features axum,conformance,toml,_internals")
        messages = self.compile(TESTS)
        return {it["target"]["name"]: it["executable"] for it in messages if it.get("executable")}

    def compile(self, command):
        while True:
            before = self.out()
            left_out = self.write()
            done = self.cargo(command)
            if done.returncode == 0:
                self.left_out |= left_out
                return map(json.loads, done.stdout.splitlines())
            unknown = [error["rendered"] for error in errors(done.stdout) if not self.put_out(error)]
            print(f"{len(self.left_out)} mutants are left out", flush=True)
            if before == self.out():
                raise SystemExit("".join(unknown) + done.stderr)

    def build_with(self, mutant):
        """Builds a mutant in that cannot be switched; says whether it compiles."""
        file = mutant["file"]
        texts, lines = dict(self.texts), self.texts[file].splitlines(keepends=True)
        begin, end = (
            sum(map(len, lines[: place["line"] - 1])) + place["column"] - 1
            for place in (mutant["span"]["start"], mutant["span"]["end"])
        )
        text = texts[file][:begin] + mutant["replacement"] + texts[file][end:]
        put(self.root / file, switches.Source(text, [], self.constants, self.needed).render().encode())
        try:
            return self.cargo(TESTS).returncode == 0
        finally:
            self.write()

    def out(self):
        return len(self.left_out), len(self.needed), len(self.constants)

    def put_out(self, error):
        """Whether it is known why the tree with everything in it does not compile."""
        text, code = error["rendered"], (error["code"] or {}).get("code")
        function = re.search(r"cannot call non-const (?:associated )?(?:function|method) `(?:.*::)?(\w+)(?:::<.*>)?`", text)
        named = {name for name in self.constants if re.search(rf"\b{name}\b", text)}
        mutant = self.mutant_of(error)
        if code == "E0015" and function and function[1] not in self.constants | {"at"}:
            self.needed.add(function[1])
        elif mutant is not None:
            self.left_out[mutant] = "does not compile"
        elif code == "E0004":
            # Without one of these arms the match is not whole.
            arms = map(int, re.findall(r"/\*<(\d+)\*/", text))
            self.left_out |= {arm: "does not compile" for arm in arms if self.mutants[arm - 1]["genre"] == "MatchArm"}
        elif named:
            self.constants -= named
        else:
            return False
        return True

    def mutant_of(self, error):
        for span in error["spans"] + [span for child in error["children"] for span in child["spans"]]:
            if span["file_name"] in self.texts:
                text = (self.root / span["file_name"]).read_bytes()
                mutant = switches.mutant_at(text, span["byte_start"])
                if mutant is not None:
                    return mutant
        return None


def git(repository, *arguments):
    return subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True).stdout


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def errors(messages):
    for line in messages.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-message" and message["message"]["level"] == "error":
            yield message["message"]
