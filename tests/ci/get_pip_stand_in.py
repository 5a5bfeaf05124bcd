# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand-in for get-pip.py where ansible-test cannot download it: pip comes from the wheel that Python bundles.

scripts/test.sh puts it into ansible-test's cache, under the names its versions look for.
"""

from __future__ import annotations

import ensurepip
import sys
import sysconfig
from pathlib import Path

# get-pip.py's own options; what it would add, the requirements of ansible-test bring along.
GET_PIP_OPTIONS = ("--no-setuptools", "--no-wheel")


def main() -> None:
    # Debian keeps the wheel apart from the module.
    bundled = sysconfig.get_config_var("WHEEL_PKG_DIR") or Path(ensurepip.__file__).parent / "_bundled"
    wheels = sorted(Path(bundled).glob("pip-*.whl"))
    sys.path.insert(0, str(wheels[-1]))
    from pip._internal.cli.main import main as pip

    options = [argument for argument in sys.argv[1:] if argument not in GET_PIP_OPTIONS]
    sys.exit(pip(["install", "--upgrade", "--force-reinstall", *options]))


if __name__ == "__main__":
    main()
