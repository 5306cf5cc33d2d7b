"""zig cc -E of several files, one after the other: at once it loses the folders of -I.

preprocess.py ZIG ARGUMENTS...: writes what the preprocessor says of each file, or of standard
input (-), to standard output.
"""

import subprocess
import sys

zig, arguments = sys.argv[1], sys.argv[2:]
sources = [[word] for word in arguments if word.endswith(".c")]
options = [word for word in arguments if not word.endswith(".c") and word != "-"]
for source in sources or [["-x", "c", "-"]]:
    done = subprocess.run([zig, "cc", "-E", *options, *source], stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(done.returncode)
    sys.stdout.buffer.write(done.stdout)
