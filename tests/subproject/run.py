#!/usr/bin/env python3
"""Use Trillium as hosts do: as a meson subproject, then installed, by pkg-config.

The small project in host/ is built in C and C++17 with Trillium as its subproject, and with each
kind of library. From there Trillium is installed below a fresh prefix, and the same hosts are built
against what is there: by meson, and by a bare compiler with what pkg-config says.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


class Failure(Exception):
    """A step that did not succeed; str() of it is what was said."""


def run(*command, **environment):
    words = [str(word) for word in command]
    result = subprocess.run(words, env={**os.environ, **environment}, text=True, check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise Failure(f"{' '.join(words)}: exit status {result.returncode}\n{result.stdout}")
    return result.stdout.strip()


def make_project(directory, source_root):
    """A copy of host/, with Trillium as a subproject if source_root is given."""
    shutil.copytree(HERE / "host", directory)
    if source_root:
        (directory / "subprojects").mkdir()
        (directory / "subprojects/trillium").symlink_to(source_root)
    return directory


class Hosts:
    """The steps, in order; each builds on those before."""

    def __init__(self, arguments, work):
        self.cc, self.cxx = arguments.cc, arguments.cxx
        self.source_root = arguments.source_root.resolve()
        self.work = work
        self.prefix = work / "prefix"
        self.compilers = {"CC": " ".join(self.cc), "CXX": " ".join(self.cxx)}

    def build_and_test(self, project, build, *options, **environment):
        environment = {**self.compilers, **environment}
        run("meson", "setup", build, project, *options, **environment)
        run("meson", "test", "-C", build, **environment)

    def subproject_with_shared_library(self):
        project = make_project(self.work / "shared", self.source_root)
        self.build_and_test(project, project / "build", "--wrap-mode=forcefallback",
                            "-Dtrillium:default_library=shared")

    def subproject_with_both_libraries(self):
        project = make_project(self.work / "both", self.source_root)
        self.build_and_test(project, project / "build", "--wrap-mode=forcefallback",
                            f"--prefix={self.prefix}", "--libdir=lib")

    def install(self):
        run("meson", "install", "-C", self.work / "both/build")
        for name in ("lib/libtrillium.a", "lib/libtrillium.so", "lib/pkgconfig/trillium.pc",
                     "include/trillium/trillium.h", "include/trillium/detail/mutator_layout.h"):
            if not (self.prefix / name).exists():
                raise Failure(f"{name} was not installed")

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, "trillium", PKG_CONFIG_PATH=self.pc_path()).split()

    def pc_path(self):
        return str(self.prefix / "lib/pkgconfig")

    def installed_by_meson(self):
        project = make_project(self.work / "installed", None)
        self.build_and_test(project, project / "build", "--wrap-mode=nofallback",
                            PKG_CONFIG_PATH=self.pc_path(),
                            LD_LIBRARY_PATH=str(self.prefix / "lib"))

    def compile_and_run(self, kind, libraries):
        for compiler, standard, source in ((self.cc, "-std=c11", "host.c"),
                                           (self.cxx, "-std=c++17", "host.cpp")):
            program = self.work / f"{source}.{kind}"
            run(*compiler, standard, HERE / "host" / source, *self.pkg_config("--cflags"),
                "-o", program, *libraries)
            print(run(program, LD_LIBRARY_PATH=str(self.prefix / "lib")))

    def installed_shared_by_compiler(self):
        self.compile_and_run("shared", self.pkg_config("--libs"))

    def installed_static_by_compiler(self):
        self.compile_and_run("static", [self.prefix / "lib/libtrillium.a", "-pthread"])

    def shared_library_needs_only_libc(self):
        listing = run("readelf", "-d", self.prefix / "lib/libtrillium.so")
        needed = [line.split("[")[1].rstrip("]") for line in listing.split("\n")
                  if "(NEEDED)" in line]
        other = [name for name in needed
                 if not name.startswith(("libc.so", "libpthread.so", "ld-linux"))]
        if other:
            raise Failure(f"libtrillium.so needs {', '.join(other)}")


STEPS = (
    Hosts.subproject_with_shared_library,
    Hosts.subproject_with_both_libraries,
    Hosts.install,
    Hosts.installed_by_meson,
    Hosts.installed_shared_by_compiler,
    Hosts.installed_static_by_compiler,
    Hosts.shared_library_needs_only_libc,
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source-root", type=pathlib.Path, required=True)
    parser.add_argument("--cc", action="append", required=True, help="a word of the C compiler")
    parser.add_argument("--cxx", action="append", required=True, help="a word of the C++ compiler")
    arguments = parser.parse_args()

    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="trillium-hosts-") as directory:
        hosts = Hosts(arguments, pathlib.Path(directory).resolve())
        for step in STEPS:
            try:
                step(hosts)
                passed += 1
                print(f"ok: {step.__name__}")
            except Failure as failure:
                failed += 1
                print(f"failed: {step.__name__}: {failure}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
