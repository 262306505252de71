#!/usr/bin/env python3
"""Write the Lox scripts that are too long, or too odd in their bytes, to be kept by hand.

Usage: generate.py DIR

Each function named after a test returns the text of that test's script, with its expectations in
the form that run.py reads. They probe the limits of the virtual machine: one byte for a constant,
a local variable or a captured variable, two bytes for a jump, 255 parameters and arguments.
"""

import sys
from pathlib import Path

ERROR = "// err: {}\n// exit: 65\n"
# "nil;" is two bytes of code: one pushes, one pops.
FITS_IN_JUMP = 32000
EXCEEDS_JUMP = 33000


def names(prefix, count):
    return [f"{prefix}{i}" for i in range(count)]


def lines(items, form, per_line=10):
    """Put form.format(item) for each item, several in a line."""
    texts = [form.format(item) for item in items]
    return "".join(" ".join(texts[i:i + per_line]) + "\n" for i in range(0, len(texts), per_line))


def line_of(text, marker):
    """The number of the one line that has the marker."""
    found = [n for n, line in enumerate(text.split("\n"), 1) if marker in line]
    assert len(found) == 1, (marker, found)
    return found[0]


def failing(text, marker, message):
    """Add the expectation that compiling fails on the line with the marker."""
    return text + ERROR.format(f"[line {line_of(text, marker)}] Error {message}")


# --- constants -----------------------------------------------------------------------------------

def constants_256():
    return ("// A function may use 256 constants.\nfun f() {\nvar sum;\nsum = 0;\n"
            + lines(range(1, 256), "sum = sum + {};")
            + "return sum;\n}\nprint f(); // out: 32640\n")


def constants_257():
    text = ("// The 257th is one too many.\nfun f() {\nvar sum;\nsum = 0;\n"
            + lines(range(1, 256), "sum = sum + {};") + "sum = sum + 256; // here\n}\n")
    return failing(text, "// here", "at '256': Too many constants in one chunk.")


def constants_257_strings():
    text = ("// Strings are constants as numbers are.\n"
            + lines(range(256), '"text {}";') + '"one more"; // here\n')
    return failing(text, "// here", "at '\"one more\"': Too many constants in one chunk.")


def constants_per_function():
    text = "// Each function counts for itself.\n"
    for f in range(20):
        text += (f"fun f{f}() {{\nvar sum;\nsum = {f};\n"
                 + lines(range(1000, 1250), "sum = sum + {};") + "return sum;\n}\n")
    return text + "".join(f"print f{f}() - f0(); // out: {f}\n" for f in range(20))


def globals_256():
    return ("// The names of global variables are constants of the script.\n"
            + lines(names("name", 256), "var {};") + "// exit: 0\n")


def globals_257():
    text = ("// One global variable too many.\n"
            + lines(names("name", 256), "var {};") + "var name256; // here\n")
    return failing(text, "// here", "at 'name256': Too many constants in one chunk.")


# --- local variables -----------------------------------------------------------------------------

def locals_255():
    v = names("v", 255)
    return ("// A function may have 255 local variables.\nfun f() {\n"
            + lines(v, "var {} = nil;")
            + "v0 = \"first \";\nv254 = \"last\";\nv127 = \"middle \";\n"
            + "return v0 + v127 + v254;\n}\nprint f(); // out: first middle last\n")


def locals_256():
    text = ("// The 256th is one too many.\nfun f() {\n" + lines(names("v", 255), "var {};")
            + "var oneMore; // here\n}\n")
    return failing(text, "// here", "at 'oneMore': Too many local variables in function.")


def locals_256_in_script():
    text = ("// The script is a function as well.\n{\n" + lines(names("v", 255), "var {};")
            + "var oneMore; // here\n}\n")
    return failing(text, "// here", "at 'oneMore': Too many local variables in function.")


def locals_256_nested_blocks():
    text = "// Variables of all open blocks count.\n"
    for block in range(5):
        text += "{\n" + lines(names(f"b{block}v", 51), "var {};")
    text += "{ var oneMore; } // here\n" + "}\n" * 5
    return failing(text, "// here", "at 'oneMore': Too many local variables in function.")


def locals_in_blocks_reused():
    text = "// Blocks that have ended do not count.\nfun f() {\nvar last = nil;\n"
    for block in range(10):
        text += ("{\n" + lines(names("v", 250), "var {} = nil;")
                 + f"v0 = \"{block}\";\nv249 = v0;\nlast = v249;\n}}\n")
    return text + "return last;\n}\nprint f(); // out: 9\n"


def locals_255_captured():
    v = names("v", 255)
    return ("// All 255 local variables may be captured.\nfun f() {\n"
            + lines(v[:254], "var {} = nil;")
            + "v0 = \"a\";\nv253 = \"z\";\nfun g() {\n" + lines(v[:254], "{};")
            + "v0 = v0 + v253;\nreturn v0;\n}\nreturn g;\n}\n"
            + "var g = f();\nprint g(); // out: az\nprint g(); // out: azz\n")


# --- captured variables --------------------------------------------------------------------------

def captured(outer, middle, last_line, result):
    """A function that captures variables of the two around it, the last of them in last_line."""
    return ("fun outer() {\n" + lines(names("a", outer), "var {} = nil;")
            + "a0 = \"outer \";\nfun middle() {\n" + lines(names("b", middle), "var {} = nil;")
            + f"b{middle - 1} = \"middle\";\nfun inner() {{\n" + lines(names("a", outer), "{};")
            + lines(names("b", middle - 1), "{};") + last_line + f"\nreturn {result};\n}}\n"
            + "return inner;\n}\nreturn middle();\n}\n")


def upvalues_256():
    return ("// A function may capture 256 variables.\n" + captured(128, 128, "b127;", "a0 + b127")
            + "print outer()(); // out: outer middle\n")


def upvalues_257():
    text = "// The 257th is one too many.\n" + captured(129, 128, "b127; // here", "a0")
    return failing(text, "// here", "at 'b127': Too many closure variables in function.")


# --- parameters and arguments --------------------------------------------------------------------

def parameters_255():
    arguments = '"a",\n' + lines(["nil"] * 253, "{},") + '"z"'
    return ("// 255 parameters, and as many arguments.\nfun f(\n"
            + lines(names("p", 254), "{},") + "p254) { return p0 + p254; }\n"
            + f"print f({arguments}); // out: az\n"
            + "class A {\nm(" + lines(names("p", 254), "{},") + "p254) { return p254 + p0; }\n"
            + "init(" + lines(names("p", 254), "{},") + "p254) { this.x = p0 + p254; }\n}\n"
            + f"fun method() {{\nvar a = A({arguments});\nprint a.x; // out: az\n"
            + f"print a.m({arguments}); // out: za\n}}\nmethod();\n")


def parameters_256():
    text = ("// The 256th is one too many.\nfun f(\n" + lines(names("p", 255), "{},")
            + "p255 // here\n) {}\n")
    return failing(text, "// here", "at 'p255': Can't have more than 255 parameters.")


def parameters_256_method():
    text = ("// Methods have the same limit.\nclass A {\nm(\n" + lines(names("p", 255), "{},")
            + "p255 // here\n) {}\n}\n")
    return failing(text, "// here", "at 'p255': Can't have more than 255 parameters.")


def arguments_256():
    text = ("// 256 arguments are one too many.\nfun f() {}\nf(\n" + lines(["nil"] * 255, "{},")
            + "true // here\n);\n")
    return failing(text, "// here", "at 'true': Can't have more than 255 arguments.")


def arguments_256_method():
    text = ("// So they are in the call of a method.\nvar a;\na.m(\n" + lines(["nil"] * 255, "{},")
            + "true // here\n);\n")
    return failing(text, "// here", "at 'true': Can't have more than 255 arguments.")


# --- jumps ---------------------------------------------------------------------------------------

def code(statements):
    return lines(["nil;"] * statements, "{}", 20)


def equalities(count):
    """An operand that is count comparisons long, two bytes each."""
    return lines(["nil =="] * count, "{}", 20)


def jump_fits():
    return ("// Jumps forward and back over nearly 64 KiB of code.\nvar turns = 0;\n"
            + "if (false) {\n" + code(FITS_IN_JUMP) + "} else print \"else\"; // out: else\n"
            + "if (true) print \"then\"; // out: then\nelse {\n" + code(FITS_IN_JUMP) + "}\n"
            + "while (turns < 2) {\n" + code(FITS_IN_JUMP) + "turns = turns + 1;\n}\n"
            + "print turns; // out: 2\n"
            + "for (; turns < 4; turns = turns + 1) {\n" + code(FITS_IN_JUMP) + "}\n"
            + "print turns; // out: 4\n"
            + "print false and (\n" + equalities(FITS_IN_JUMP) + "nil); // out: false\n"
            + "print 1 or (\n" + equalities(FITS_IN_JUMP) + "nil); // out: 1\n")


def too_far(before, after, message, body=None):
    text = ("// Too much code for one jump.\n" + before + "\n" + (body or code(EXCEEDS_JUMP))
            + after + " // here\n")
    return failing(text, "// here", message)


def jump_then():
    return too_far("if (true) {", "}", "at '}': Too much code to jump over.")


def jump_else():
    return too_far("if (true) {} else {", "}", "at '}': Too much code to jump over.")


def jump_and():
    return too_far("print true and (", "nil);", "at ')': Too much code to jump over.",
                   equalities(EXCEEDS_JUMP))


def jump_or():
    return too_far("print false or (", "nil);", "at ')': Too much code to jump over.",
                   equalities(EXCEEDS_JUMP))


def loop_while():
    return too_far("while (true) {", "}", "at '}': Loop body too large.")


def loop_for():
    return too_far("for (;;) {", "}", "at '}': Loop body too large.")


def loop_for_increment():
    return too_far("var i;\nfor (i = 0; i < 1; i = i + 1) {", "}",
                   "at '}': Loop body too large.")


def code_without_jump():
    text = ("// Code that no jump crosses may be of any length, and lines are counted through it.\n"
            + "nil;\n" * 70000 + "print \"end\"; // out: end\nprint -nil; // here\n")
    return (text + "// err: Operand must be a number.\n"
            + f"// err: [line {line_of(text, '// here')}] in script\n// exit: 70\n")


# --- depth and length ----------------------------------------------------------------------------

def nested_parentheses():
    return ("// A hundred and fifty levels of parentheses.\nvar a = 1;\nprint "
            + "(" * 150 + "a" + ")" * 150 + "; // out: 1\n")


def nested_operands():
    return ("// Each level holds a value on the stack.\nvar t = true;\nprint "
            + "true == (" * 150 + "t" + ")" * 150 + "; // out: true\n")


def nested_blocks():
    text = "// Two hundred blocks, each with a variable that hides the one outside.\nvar v = nil;\n"
    for depth in range(200):
        text += "{ var v = " + ("true" if depth % 2 else "false") + ";\n"
    return text + "print v; // out: true\n" + "}\n" * 200 + "print v; // out: nil\n"


def nested_functions():
    depth = 40
    text = ("// The innermost of forty functions captures a variable of the outermost.\n"
            + "fun f0() {\nvar x = \"deep\";\n")
    for i in range(1, depth):
        text += f"fun f{i}() {{\n"
    text += "x = x + \"er\";\nreturn x;\n"
    for i in range(depth - 1, 0, -1):
        text += f"}}\nreturn f{i}();\n"
    return text + "}\nprint f0(); // out: deeper\n"


def many_ifs():
    text = "// A chain of a hundred else-ifs.\nfun f(n) {\nif (n == 0) return \"zero\";\n"
    for i in range(1, 100):
        text += f"else if (n == {i}) return \"is {i}\";\n"
    return (text + "else return \"more\";\n}\n"
            + "print f(0); // out: zero\nprint f(57); // out: is 57\n"
            + "print f(99); // out: is 99\nprint f(100); // out: more\n")


def long_string():
    word = "All work and no play makes a long string. "
    return ("// A string constant of 200 KiB.\nvar s = \"" + word * 5000 + "\";\n"
            + "var t = \"" + word * 5000 + "\";\n"
            + "print s == t; // out: true\nprint s == t + \" \"; // out: false\n")


def long_string_printed():
    word = "0123456789" * 2000
    return f"// A line of 20000 characters.\nprint \"{word}\";\n// out: {word}\n"


def long_name():
    name = "longName" * 1000
    return (f"// A name of 8000 letters.\nvar {name} = 1;\nprint {name}; // out: 1\n"
            + f"print {name}x; // err: Undefined variable '{name}x'.\n"
            + "// err: [line 4] in script\n// exit: 70\n")


def many_fields():
    text = "// An instance with a thousand fields, set and read by five methods.\nclass Bag {\n"
    for part in range(5):
        fields = [f"f{part}x{i}" for i in range(200)]
        text += f"set{part}(v) {{\n" + lines(fields, "this.{} = v;") + "}\n"
        text += f"sum{part}() {{\nvar s = this;\nvar sum = s.{fields[0]};\n"
        text += lines(fields[1:], "sum = sum + s.{};") + "return sum;\n}\n"
    text += "}\nvar bag = Bag();\n"
    for part in range(5):
        text += f"bag.set{part}({part + 1});\n"
    for part in range(5):
        text += f"print bag.sum{part}(); // out: {200 * (part + 1)}\n"
    return (text + "bag.set3(nil);\nbag.set0(10);\nprint bag.sum0(); // out: 2000\n"
            + "print bag.sum4(); // out: 1000\n")


def many_methods():
    text = ("// A class with a hundred methods, and one that inherits and overrides some.\n"
            + "class A {\n")
    for i in range(100):
        text += f"m{i}() {{ return {i}; }}\n"
    text += "}\nclass B < A {\n"
    for i in range(0, 100, 10):
        text += f"m{i}() {{ return super.m{i}() + 1000; }}\n"
    text += "}\nvar a = A();\nvar b = B();\n"
    for i in (0, 1, 50, 55, 99):
        text += f"print a.m{i}(); // out: {i}\n"
        text += f"print b.m{i}(); // out: {i + 1000 if i % 10 == 0 else i}\n"
    return text


def many_errors():
    text = "// A thousand errors are reported one by one.\n"
    for i in range(1000):
        text += f"print ; // err: [line {i + 2}] Error at ';': Expect expression.\n"
    return text + "// exit: 65\n"


# --- bytes ---------------------------------------------------------------------------------------

def line_ends_crlf():
    return ("// Lines that end in CR LF.\r\nvar a = 1;\r\nprint a // out: 1\r\n;\r\n"
            + "print a - nil; // err: Operands must be numbers.\r\n"
            + "// err: [line 5] in script\r\n// exit: 70\r\n")


def no_last_line_break():
    return "// The last line does not end in a line break.\n// out: 1\nprint 1;"


def no_last_line_break_comment():
    return "print 1; // out: 1\n// This comment is ended by the end of the file."


def error_at_end_of_last_line():
    return ("// The end is on the last line.\n"
            + "// err: [line 4] Error at end: Expect ';' after value.\n// exit: 65\nprint 1")


def bytes_not_utf8():
    return ("// A string may hold any byte but a quote.\n"
            + "print \"\udc80\udcff\udcc3\"; // out: \udc80\udcff\udcc3\n")


def empty_file():
    return ""


def blank_file():
    return " \t\r\n\n   \n"


TESTS = [
    constants_256, constants_257, constants_257_strings, constants_per_function,
    globals_256, globals_257,
    locals_255, locals_256, locals_256_in_script, locals_256_nested_blocks,
    locals_in_blocks_reused, locals_255_captured,
    upvalues_256, upvalues_257,
    parameters_255, parameters_256, parameters_256_method, arguments_256, arguments_256_method,
    jump_fits, jump_then, jump_else, jump_and, jump_or, loop_while, loop_for, loop_for_increment,
    code_without_jump,
    nested_parentheses, nested_operands, nested_blocks, nested_functions, many_ifs,
    long_string, long_string_printed, long_name, many_fields, many_methods, many_errors,
    line_ends_crlf, no_last_line_break, no_last_line_break_comment, error_at_end_of_last_line,
    bytes_not_utf8, empty_file, blank_file,
]
# These have no room for an expectation; theirs is in a file beside them.
SILENT = (empty_file, blank_file)


def write_all(directory):
    directory.mkdir(parents=True, exist_ok=True)
    for test in TESTS:
        path = directory / f"{test.__name__}.lox"
        path.write_bytes(test().encode("utf-8", "surrogateescape"))
        if test in SILENT:
            path.with_name(path.name + ".expect").write_text("// exit: 0\n")
    return len(TESTS)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: generate.py DIR")
    print(f"{write_all(Path(sys.argv[1]))} scripts written to {sys.argv[1]}")
