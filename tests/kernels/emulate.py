#!/usr/bin/env python3
"""Compare the scan kernels on an emulated processor that has AVX-512.

Bochs (a Debian package) is a whole machine in software. bare.c and gc/scan_kernel.c, built without
a system, are the disk that it boots from; they print by port 0xe9, on Bochs's terminal. A read
outside of the slot ends the emulation before the last line is printed.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = ("tests/kernels/boot.S", "tests/kernels/bare.c", "gc/scan_kernel.c")
FLAGS = ("-O2", "-std=gnu11", "-DTRI_CHECKS=0", "-I.", "-Iinclude", "-ffreestanding",
         "-fno-stack-protector", "-fno-pic", "-no-pie", "-mno-red-zone", "-static", "-nostdlib",
         "-Wl,-T,tests/kernels/bare.ld", "-Wl,--build-id=none", "-Wl,-z,noexecstack")
CYLINDERS, HEADS, SECTORS = 2, 16, 63
MACHINE = """\
cpu: model=corei7_skylake_x, reset_on_triple_fault=0
memory: guest=32, host=32
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
display_library: term
sound: driver=dummy
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={disk}, mode=flat, cylinders=%d, heads=%d, spt=%d
boot: disk
port_e9_hack: enabled=1
panic: action=fatal
log: {log}
""" % (CYLINDERS, HEADS, SECTORS)


def make_disk(compiler, directory):
    program, disk = directory / "program", directory / "disk"
    subprocess.run([compiler, *FLAGS, *SOURCES, "-lgcc", "-o", str(program)], cwd=ROOT, check=True)
    subprocess.run(["objcopy", "-O", "binary", str(program), str(disk)], check=True)
    with open(disk, "r+b") as file:
        file.truncate(CYLINDERS * HEADS * SECTORS * 512)
    return disk


def emulate(bochs, disk, directory):
    """What the machine has printed. Debian's Bochs waits for commands of its debugger."""
    machine, commands = directory / "machine", directory / "commands"
    machine.write_text(MACHINE.format(disk=disk, log=directory / "log"), encoding="utf-8")
    commands.write_text("continue\nquit\n", encoding="utf-8")
    terminal, its_end = os.openpty()
    printed = b""
    with subprocess.Popen([bochs, "-q", "-f", str(machine), "-rc", str(commands)],
                          env=dict(os.environ, TERM="xterm"), stdin=its_end, stdout=its_end,
                          stderr=its_end, start_new_session=True):
        os.close(its_end)
        while True:
            try:
                printed += os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
    os.close(terminal)
    return printed.decode("utf-8", "replace")


def judge(text):
    """(passed, failed): kernels that found the same. The portable one and AVX-512 must be there."""
    found = dict(re.findall(r"^(\w+): (\d+) found otherwise\r?$", text, re.MULTILINE))
    passed = sum(number == "0" for number in found.values())
    failed = len(found) - passed
    failed += sum(name not in found for name in ("portable", "avx512"))
    failed += re.search(r"^avx512 is the best\r?$", text, re.MULTILINE) is None
    return passed, failed


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--bochs", default="bochs")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        text = emulate(options.bochs, make_disk(options.cc, directory), directory)
    passed, failed = judge(text)
    for line in re.findall(r"^\w+(?:: \d+ found otherwise| is the best)\r?$", text, re.MULTILINE):
        print(line.strip())
    print("%d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
