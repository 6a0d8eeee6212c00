"""Print `require` if the compiled kernel can be built, else nothing.

With KXCLI_KERNEL=require, a failed build is an error. Run this with the Python that will have kxcli.
"""

import os
import shlex
import shutil
import sysconfig

compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
headers = os.path.join(sysconfig.get_path("include"), "Python.h")
if shutil.which(shlex.split(compiler)[0]) and os.path.exists(headers):
    print("require")
