"""What became of each mutant, kept between runs, and the table of it."""

import collections
import hashlib
import json


class Results:
    """What was caught is not tried again while its file, but for its tests, stays as it is."""

    def __init__(self, path, texts):
        self.path = path
        self.digests = {file: digest(text) for file, text in texts.items()}
        self.caught = json.loads(path.read_text()) if path.exists() else {}

    def key(self, mutant):
        return f"{mutant['name']} in {self.digests[mutant['file']]}"

    def how(self, mutant):
        return self.caught.get(self.key(mutant))

    def put(self, mutant, how):
        self.caught[self.key(mutant)] = how
        self.path.write_text(json.dumps(self.caught, indent=1))


def digest(text):
    """Of a source without its tests."""
    return hashlib.sha256(text.split("#[cfg(test)]\nmod tests {")[0].rstrip().encode()).hexdigest()


def table(mutants, results, revision):
    """A row for each module, and beneath it what is alive."""
    rows, alive = collections.defaultdict(lambda: [0, 0]), []
    hanging = 0
    for mutant in mutants:
        how = results.how(mutant)
        row = rows[module(mutant["file"])]
        row[0] += 1
        row[1] += how is not None
        hanging += how == "timeout"
        if how is None:
            alive.append(mutant["name"])
    lines = ["| module | mutants that compile | caught | alive |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| `{name}` | {all_of} | {caught} | {all_of - caught} |" for name, (all_of, caught) in sorted(rows.items())]
    total, caught = (sum(row[column] for row in rows.values()) for column in (0, 1))
    lines += [f"| all | {total} | {caught} | {total - caught} |", ""]
    percent = int(1000 * caught / total) / 10
    lines += [f"{percent} % at {revision}, {hanging} of them because a test did not end.", "", "Alive:", ""]
    return "\n".join(lines + alive)


def module(file):
    """`rules::status` of `src/rules/status.rs`; what is below counts to it. Each store has modules of its own."""
    path = file.removeprefix("src/").removesuffix(".rs").split("/")
    return "::".join(path[: 3 if path[0] == "store" else 2])
