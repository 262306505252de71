"""The programs of a build directory: how they are built, where they are."""

import contextlib
import json
import os
import subprocess
import sys

from workloads import IMPLEMENTATIONS, WORKLOADS

HERE = os.path.dirname(os.path.abspath(__file__))


class Programs:
    """The executables of a build directory, and Go's beside them."""

    def __init__(self, build_dir, go):
        self.directory = os.path.join(build_dir, "tests", "bench")
        self.build_dir = build_dir
        self.go = go
        self.failed = False

    def build(self):
        """Build what there is to build; what cannot be built is missing afterwards."""
        if os.path.exists(os.path.join(self.build_dir, "build.ninja")):
            done = subprocess.run(
                ["ninja", "-C", self.build_dir, "-k", "0", "bench-programs"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.returncode != 0:
                self._fail(done.stdout)
        if self.go is None:
            return
        for implementation in IMPLEMENTATIONS:
            if implementation.is_go:
                for workload in WORKLOADS:
                    if workload.go_sources:
                        self._build_go(implementation, workload)

    def _fail(self, output):
        print(output, file=sys.stderr)
        print("some programs could not be built, see above; going on without", file=sys.stderr)
        self.failed = True

    def _build_go(self, implementation, workload):
        sources = [os.path.join(HERE, "go", name) for name in workload.go_sources]
        environment = dict(
            os.environ,
            GOCACHE=os.path.join(os.path.abspath(self.directory), "go-cache"),
            GOEXPERIMENT=implementation.experiment,
            GOTOOLCHAIN="local",
            GOFLAGS="",
            GOWORK="off",
            CGO_ENABLED="0",
        )
        target = self.path(implementation, workload.name)
        os.makedirs(self.directory, exist_ok=True)
        done = subprocess.run(
            [self.go, "build", "-o", target] + sources,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        if done.returncode != 0:
            with contextlib.suppress(FileNotFoundError):
                os.remove(target)  # of an earlier build
            self._fail(done.stdout)

    def path(self, implementation, program):
        """Of the program of a workload, by that one's name."""
        return os.path.join(
            os.path.abspath(self.directory), f"bench_{program}_{implementation.program}"
        )

    def tool(self):
        return os.path.join(os.path.abspath(self.directory), "bench_machine")

    def has(self, implementation, program):
        if implementation.is_go and self.go is None:
            return False
        return os.path.exists(self.path(implementation, program))

    def description(self):
        """(text, warning) about how the library was built."""
        path = os.path.join(self.build_dir, "meson-info", "intro-buildoptions.json")
        try:
            with open(path, encoding="utf-8") as file:
                options = {option["name"]: option["value"] for option in json.load(file)}
        except OSError:
            return "build options unknown", None
        names = ("buildtype", "optimization", "checks", "b_sanitize")
        text = ", ".join(f"{name}={options.get(name)}" for name in names)
        fast = (
            options.get("optimization") in ("2", "3")
            and options.get("checks") == "none"
            and options.get("b_sanitize") == "none"
        )
        warning = "this is not how a release is built: use -Dbuildtype=release -Dchecks=none"
        return text, None if fast else warning
