"""Which tests reach a mutant, and whether one of them fails with it."""

import collections
import json
import os
import re
import signal
import subprocess
import threading
import time

# What needs a browser or the built example, and what goes on for long.
APART = re.compile(r"^(guestbook|long|sdks)::")
# A test that takes longer than this is asked only when all quicker ones have passed.
QUICK_SECONDS = 1.0
# Tests of one process: few at first, because all of them end before the answer is known.
FIRST_SECONDS, MOST_SECONDS = 0.5, 60.0
# With a mutant in it a test may take as much longer until it counts as hanging.
PATIENCE, LEAST_SECONDS = 10, 20
# A test that has caught so many mutants of a file is asked first about the next.
MOST_FAVOURED = 8


class Tests:
    def __init__(self, programs, tree, work):
        self.programs, self.tree, self.work = programs, tree, work
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GUESTPASS")}
        # What is drawn by chance need not be made small to be seen.
        self.environment |= {"RUST_BACKTRACE": "0", "PROPTEST_MAX_SHRINK_ITERS": "0"}
        self.environment |= {"PROPTEST_DISABLE_FAILURE_PERSISTENCE": "true"}
        # For each mutant the tests that reach it; for each test its program, and how long it takes.
        self.reaching = collections.defaultdict(list)
        self.seconds, self.program = {}, {}
        # How often a test has caught a mutant of a file.
        self.caught = collections.Counter()

    def names(self, program):
        listed = subprocess.run([self.programs[program], "--list"], capture_output=True, text=True, cwd=self.tree)
        names = re.findall(r"^(.*): test$", listed.stdout, re.M)
        return [name for name in names if not APART.match(name)]

    def reach(self, pool):
        """Runs each test alone, without a mutant."""
        list(pool.map(self.reach_with, [(program, name) for program in self.programs for name in self.names(program)]))

    def reach_with(self, test):
        program, name = test
        reached = self.work / f"reached-by-{threading.get_ident()}"
        reached.unlink(missing_ok=True)
        began = time.monotonic()
        failed = self.run(program, [name], None, {"GUESTPASS_MUTANTS_REACHED": str(reached)})
        if failed is not None:
            print(f"{name} does not pass as it is", flush=True)
            return
        self.seconds[name] = time.monotonic() - began
        self.program[name] = program
        for mutant in set(reached.read_text().split()) if reached.exists() else ():
            self.reaching[int(mutant)].append(name)

    def run(self, program, names, seconds, environment):
        """The first test that failed, or what else went wrong, or nothing."""
        process = subprocess.Popen(
            [self.programs[program], "--exact", *names],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.tree,
            env=self.environment | environment,
            start_new_session=True,
        )
        try:
            told, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "timeout"
        if process.returncode == 0:
            return None
        failed = re.search(r"^test (.*) \.\.\. FAILED$", told, re.M)
        return failed[1] if failed else f"ended with {process.returncode}"

    def catch(self, mutant, names, is_quick):
        """Which of these tests caught it, of the quick ones or of the others."""
        on = {"GUESTPASS_MUTANT": str(mutant["id"])}
        names = [it for it in names if (self.seconds[it] < QUICK_SECONDS) == is_quick]
        names.sort(key=lambda it: (-min(self.caught[mutant["file"], it], MOST_FAVOURED), self.seconds[it]))
        seconds = FIRST_SECONDS
        while names:
            batch, total = [], 0
            while names and total < seconds and self.program[names[0]] == self.program[(batch or names)[0]]:
                batch.append(names.pop(0))
                total += self.seconds[batch[-1]]
            seconds = min(4 * seconds, MOST_SECONDS)
            how = self.run(self.program[batch[0]], batch, LEAST_SECONDS + PATIENCE * total, on)
            if how in self.seconds:
                # What fails only once may have failed of itself.
                again = self.run(self.program[how], [how], LEAST_SECONDS + PATIENCE * self.seconds[how], on)
                how = how if again is not None else None
            if how is not None:
                self.caught[mutant["file"], how] += 1
                return how
        return None
