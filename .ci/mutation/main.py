"""Tries mutants, and prints the table of what came of them; see `.ci/mutants`."""

import concurrent.futures
import os
import pathlib
import sys
import threading

import results
import trial
import tree


def main(globs):
    repository = pathlib.Path(__file__).resolve().parents[2]
    work = repository / "target" / "mutants"
    mutated = tree.Tree(repository, work, globs)
    tests = trial.Tests(mutated.build(), mutated.root, work)
    known = results.Results(work / "caught.json", mutated.texts)
    lock = threading.Lock()

    def attempt(mutant, names, is_quick):
        if known.how(mutant) is None:
            how = tests.catch(mutant, names, is_quick)
            with lock:
                if how is not None:
                    known.put(mutant, how)
                elif not is_quick:
                    print("alive:", mutant["name"], flush=True)

    switched = [it for it in mutated.mutants if it["id"] not in mutated.left_out]
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "1"))) as pool:
        tests.reach(pool)
        if not tests.reaching:
            raise SystemExit("no test reaches a mutant: the tests are not built over the tree")
        for is_quick in (True, False):
            print(f"{sum(known.how(it) is None for it in switched)} mutants to try", flush=True)
            list(pool.map(lambda it: attempt(it, tests.reaching[it["id"]], is_quick), switched))

    # What cannot be switched is built alone, and tried with the tests that reach anything of its file.
    built = []
    for mutant in mutated.mutants:
        if mutated.left_out.get(mutant["id"]) != "constant":
            continue
        if known.how(mutant) is None:
            if not mutated.build_with(mutant):
                continue
            near = {name for it in switched if it["file"] == mutant["file"] for name in tests.reaching[it["id"]]}
            for is_quick in (True, False):
                attempt(mutant, sorted(near), is_quick)
        built.append(mutant)

    print(results.table(switched + built, known, mutated.revision))


main(sys.argv[1:])
