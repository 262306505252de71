#!/usr/bin/env python3
"""dev installs what is missing, just that, and says what to do where it cannot; .ci/run adds up.

Both run in a tree of their own, with a PATH on which gcc, meson, apt-get and the like are scripts
that note how they were called.
"""

import os
import pathlib
import re
import shutil
import subprocess

import support

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
REAL_TOOLS = ("bash", "cat", "dirname", "env", "mkdir", "mktemp", "printf", "readlink", "rm", "sed",
              "sh", "tail", "tee", "touch", "chmod", "true")
BUILD_TOOLS = ("gcc", "g++", "ar", "ninja", "pkg-config", "python3")

MESON = '#!/bin/sh\necho "meson $*" >>"$CALLS"\nmkdir -p "$2" && touch "$2/build.ninja"\n'
# Installing makes the command of the same name appear; fails as often as the file "refuse" says.
APT_GET = """\
#!/bin/sh
echo "apt-get $*" >>"$CALLS"
[ "$DEBIAN_FRONTEND" = noninteractive ] || exit 9
case "$*" in *" update"*) exit 0 ;; esac
if [ -s "$TREE/refuse" ]; then
    sed -i 1d "$TREE/refuse"
    echo "E: cannot"
    exit 100
fi
for package in "$@"; do
    case $package in
    meson) cp "$TREE/meson" "$TREE/bin/meson" 2>/dev/null || true ;;
    esac
done
"""


class DevTest(support.TreeTest):
    def setUp(self):
        super().setUp()
        shutil.copy(REPOSITORY / "dev", self.root / "dev")
        (self.root / "bin").mkdir()
        for tool in (*REAL_TOOLS, "cp"):
            (self.root / "bin" / tool).symlink_to(shutil.which(tool))
        for tool in BUILD_TOOLS:
            self.command(tool, "#!/bin/sh\nexit 0\n")
        self.command("id", "#!/bin/sh\necho 0\n")
        self.command("meson", MESON)
        self.command("apt-get", APT_GET)
        self.calls_file = self.root / "calls"

    def command(self, name, text):
        path = self.write(f"bin/{name}", text)
        path.chmod(0o755)
        return path

    def without_meson(self):
        (self.root / "bin/meson").rename(self.root / "meson")

    def dev(self, *arguments):
        environment = {"PATH": str(self.root / "bin"), "CALLS": str(self.calls_file),
                       "TREE": str(self.root)}
        result = subprocess.run([self.root / "dev", *arguments], env=environment, text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return result.returncode, result.stdout + result.stderr

    def calls(self, name):
        if not self.calls_file.exists():
            return []
        return [line for line in self.calls_file.read_text(encoding="utf-8").split("\n")
                if line.startswith(name)]

    def test_nothing_missing(self):
        status, output = self.dev("build")
        self.assertEqual(status, 0, output)
        self.assertEqual(self.calls("apt-get"), [])
        self.assertEqual(len(self.calls("meson")), 1)

    def test_configures_once(self):
        self.dev("build")
        status, output = self.dev("build")
        self.assertEqual(status, 0, output)
        self.assertEqual(len(self.calls("meson")), 1)

    def test_configures_anew_for_other_options(self):
        self.dev("build")
        self.write("build/release/options", "gcc -Dold=true\n")
        self.dev("build")
        self.assertEqual(len(self.calls("meson")), 2)

    def test_installs_just_what_is_missing(self):
        self.without_meson()
        status, output = self.dev("build")
        self.assertEqual(status, 0, output)
        self.assertIn("installing: meson\n", output)
        install = self.calls("apt-get")[-1]
        self.assertTrue(install.endswith(" install --no-install-recommends meson"), install)

    def test_updates_lists_and_tries_again(self):
        self.without_meson()
        self.write("refuse", "once\n" if self.lists_exist() else "")
        status, output = self.dev("build")
        self.assertEqual(status, 0, output)
        self.assertRegex(self.calls("apt-get")[-2], r" update$")

    @staticmethod
    def lists_exist():
        lists = pathlib.Path("/var/lib/apt/lists")
        return lists.is_dir() and any(lists.glob("*_Packages*"))

    def test_says_what_to_install_if_apt_get_fails(self):
        self.without_meson()
        self.write("refuse", "x\n" * 9)
        status, output = self.dev("build")
        self.assertEqual(status, 1, output)
        self.assertIn("E: cannot", output)
        self.assertIn("please install: meson", output)

    def test_says_what_to_install_without_apt_get(self):
        self.without_meson()
        (self.root / "bin/apt-get").unlink()
        status, output = self.dev("build")
        self.assertEqual(status, 1, output)
        self.assertRegex(output, "please install what these Debian packages contain.*: meson")

    def test_installed_but_not_there(self):
        self.without_meson()
        (self.root / "meson").unlink()  # so the package brings nothing
        status, output = self.dev("build")
        self.assertEqual(status, 1, output)
        self.assertIn("installed, but still not usable: meson", output)

    def test_not_root_and_no_sudo(self):
        self.without_meson()
        self.command("id", "#!/bin/sh\necho 1000\n")
        status, output = self.dev("build")
        self.assertEqual(status, 1, output)
        self.assertIn("as root, then try again: apt-get install meson", output)
        self.assertEqual(self.calls("apt-get"), [])

    def test_not_root_with_sudo(self):
        self.without_meson()
        self.command("id", "#!/bin/sh\necho 1000\n")
        self.command("sudo", '#!/bin/sh\necho "sudo $*" >>"$CALLS"\n[ "$1" = -n ] && shift\n"$@"\n')
        status, output = self.dev("build")
        self.assertEqual(status, 0, output)
        self.assertRegex(self.calls("sudo")[-1], "^sudo -n env .*apt-get .* meson$")

    def test_failed_build_is_counted(self):
        self.command("ninja", "#!/bin/sh\necho wrong\nexit 1\n")
        status, output = self.dev("test")
        self.assertEqual(status, 1, output)
        self.assertIn("\n0 passed, 1 failed\n", output)

    def test_help_lists_every_subcommand(self):
        status, output = self.dev()
        self.assertEqual(status, 0, output)
        text = (REPOSITORY / "dev").read_text(encoding="utf-8")
        listed = re.findall(r"^  (\w+) ", output, re.MULTILINE)
        self.assertEqual(listed, re.findall(r"^cmd_(\w+)\(\)", text, re.MULTILINE))
        for other in ("help", "-h", "--help"):
            self.assertEqual(self.dev(other), (status, output))

    def test_unknown_subcommand(self):
        status, output = self.dev("frobnicate")
        self.assertEqual(status, 1, output)
        self.assertIn("no such command: frobnicate", output)


class CiTest(support.TreeTest):
    def ci(self, script):
        (self.root / ".ci").mkdir()
        shutil.copy(REPOSITORY / ".ci/run", self.root / ".ci/run")
        self.write("dev", "#!/bin/sh\n" + script).chmod(0o755)
        result = subprocess.run([self.root / ".ci/run"], stdin=subprocess.DEVNULL, text=True,
                                capture_output=True, check=False, env=dict(os.environ))
        return result.returncode, result.stdout.rstrip("\n").split("\n")

    def test_sum(self):
        status, lines = self.ci('echo "parts: $*" >>parts\necho "5 passed, 0 failed"\n')
        parts = (self.root / "parts").read_text(encoding="utf-8").split("\n")[:-1]
        self.assertEqual((status, lines[-1]), (0, f"{5 * len(parts)} passed, 0 failed"))
        self.assertEqual(parts[0], "parts: test")

    def test_failure_in_one_part(self):
        status, lines = self.ci('[ "$2" = tsan ] && echo "4 passed, 1 failed" && exit 1\n'
                                'echo "5 passed, 0 failed"\n')
        self.assertEqual(status, 1)
        self.assertRegex(lines[-1], r"^\d+ passed, 1 failed$")

    def test_part_that_dies(self):
        status, lines = self.ci('[ "$1" = lint ] && exit 3\necho "5 passed, 0 failed"\n')
        self.assertEqual(status, 1)
        self.assertRegex(lines[-1], r"^\d+ passed, 1 failed$")

    def test_part_that_says_nothing(self):
        status, lines = self.ci('[ "$1" = lint ] && exit 0\necho "5 passed, 0 failed"\n')
        self.assertEqual(status, 1)
        self.assertRegex(lines[-1], r"^\d+ passed, 1 failed$")


if __name__ == "__main__":
    support.main()
